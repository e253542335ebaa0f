"""Studies: which sites and users work together under a name."""

from __future__ import annotations

from IPython.core.error import UsageError

from ...formatting.text import clean
from ...options import YES, names, option
from ...views.core.pretty import Facts, Listing
from ..parsing import verb
from ..prompt import confirm
from ..state import State

_ACTIONS = ("show", "register", "add-site", "remove-site", "add-user", "remove-user", "remove")


@verb()
def studies(state: State) -> Listing:
    """List the studies that you may see. Connect to one by %flare connect KIT --study NAME.

    Examples:
        %flare studies
    """
    managed = state.current
    found = managed.session.list_studies()
    details = found.get("study_details")
    rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
    known = {str(row.get("name")) for row in rows}
    rows += [{"name": name} for name in found.get("studies") or [] if name not in known]
    managed.remember_studies(found)
    keys = dict.fromkeys(key for row in rows for key in row)
    return Listing(rows, {key: clean(str(key)) for key in keys} or {"name": "name"}, "No study")


@verb(
    option("action", choices=_ACTIONS, metavar="ACTION", help=", ".join(_ACTIONS)),
    option("name", metavar="STUDY", completes="studies", help="the study's name"),
    option("user", nargs="?", metavar="USER", help="with add-user and remove-user: who"),
    option("--sites", type=names, default=None, metavar="SITE,...", completes="sites", help="for an org admin: which"),
    option(
        "--site-org", action="append", default=None, metavar="ORG:SITE,...", help="for a project admin: which, by org"
    ),
    YES,
)
def study(
    state: State,
    action: str,
    name: str,
    user: str | None,
    sites: list[str] | None,
    site_org: list[str] | None,
    yes: bool,
) -> Facts:
    """Show a study, make or remove one, or change who belongs to it. For project admins and org admins.

    Examples:
        %flare study show heart
        %flare study register heart --site-org example:site-1,site-2
        %flare study add-site heart --sites site-3
        %flare study add-user heart ada@example.org
        %flare study remove heart
    """
    session = state.session
    if action in ("add-user", "remove-user"):
        if user is None:
            raise UsageError(f"%flare study {action}: who? %flare study {action} {clean(name)} USER")
        change = session.add_study_user if action == "add-user" else session.remove_study_user
        return Facts(change(name, user))
    if action in ("register", "add-site", "remove-site"):
        if not sites and not site_org:
            raise UsageError(
                f"%flare study {action}: which sites? --site-org ORG:SITE,... as a project admin, --sites for your own"
            )
        by_action = {
            "register": session.register_study,
            "add-site": session.add_study_site,
            "remove-site": session.remove_study_site,
        }
        return Facts(by_action[action](name, sites, site_org))
    if action == "remove":
        confirm(state, f"Remove the study {clean(name)} from {session.kit.address}?", yes)
        return Facts(session.remove_study(name))
    return Facts(session.show_study(name))
