"""Studies: groups of sites and users under a name."""

from __future__ import annotations

from IPython.core.error import UsageError

from ...formatting.text import sanitize
from ...options import YES, option, parse_names
from ...views.core.pretty import PrettyDict, PrettyTable
from ..parsing import verb
from ..prompt import confirm
from ..state import MagicsState

_NO_STUDIES = "default: all jobs belong to it; no other study is registered"
_ACTIONS = ("show", "register", "add-site", "remove-site", "add-user", "remove-user", "remove")


@verb()
def studies(state: MagicsState) -> PrettyTable:
    """List the studies that you may see. Work in one with %flare connect KIT --study NAME.

    Without any, all jobs belong to the study default, which is not listed.

    Examples:
        %flare studies
    """
    managed = state.managed_session
    found = managed.session.list_studies()
    details = found.get("study_details")
    rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
    known = {str(row.get("name")) for row in rows}
    rows += [{"name": name} for name in found.get("studies") or [] if name not in known]
    managed.cache_studies(found)
    keys = dict.fromkeys(key for row in rows for key in row)
    return PrettyTable(rows, {key: sanitize(str(key)) for key in keys} or {"name": "name"}, _NO_STUDIES)


@verb(
    option("action", choices=_ACTIONS, metavar="ACTION", help=", ".join(_ACTIONS)),
    option("name", metavar="STUDY", completes="studies", help="the study's name"),
    option("user", nargs="?", metavar="USER", help="the user, for add-user and remove-user"),
    option(
        "--sites",
        type=parse_names,
        default=None,
        metavar="SITE,...",
        completes="sites",
        help="the sites, for an org admin",
    ),
    option(
        "--site-org",
        action="append",
        default=None,
        metavar="ORG:SITE,...",
        help="the sites by organization, for a project admin",
    ),
    YES,
)
def study(
    state: MagicsState,
    action: str,
    name: str,
    user: str | None,
    sites: list[str] | None,
    site_org: list[str] | None,
    yes: bool,
) -> PrettyDict:
    """Show, create, change or remove a study. For project admins and org admins.

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
            raise UsageError(f"%flare study {action}: which user? Use %flare study {action} {sanitize(name)} USER")
        change = session.add_study_user if action == "add-user" else session.remove_study_user
        return PrettyDict(change(name, user))
    if action in ("register", "add-site", "remove-site"):
        if not sites and not site_org:
            raise UsageError(
                f"%flare study {action}: which sites? Pass --site-org ORG:SITE,... as a project admin, "
                "--sites SITE,... as an org admin"
            )
        by_action = {
            "register": session.register_study,
            "add-site": session.add_study_site,
            "remove-site": session.remove_study_site,
        }
        return PrettyDict(by_action[action](name, sites, site_org))
    if action == "remove":
        confirm(state, f"Remove the study {sanitize(name)} from {session.kit.address}?", "Remove study", yes)
        return PrettyDict(session.remove_study(name))
    return PrettyDict(session.show_study(name))
