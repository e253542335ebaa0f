"""Startup kits: what a good one says, and that a bad one is refused in one sentence, before anything else happens."""

from __future__ import annotations

import contextlib
import gc
import inspect
import json
import shutil
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timezone
from pathlib import Path

import kits
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from disk import as_ordinary_user
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from kits import BAD_KITS, DAY, NOW, BadKit, authority, edit_admin, write_kit
from waiting import list_tasks

from flare_widgets.api import connect, new_secure_session
from flare_widgets.errors import ConfigError, FlareError, InvalidCertChain
from flare_widgets.kit import StartupKit, find_startup
from flare_widgets.kit.certificates import chains_to_root, verify_signature


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    return write_kit(tmp_path / "kit")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A record of all attempts to use the network, or even only to start the I/O thread."""
    attempts: list[str] = []

    # What sessions of tests before this one still do is not what it looks for. One that a test has forgotten ends
    # when it is collected.
    deadline = time.monotonic() + 20
    while left := list_tasks():
        assert time.monotonic() < deadline, f"a test before has left work behind: {left}"
        gc.collect()
        time.sleep(0.01)

    def note(what: str) -> Callable[..., None]:
        def refuse(*arguments: object, **_: object) -> None:
            for coroutine in filter(inspect.iscoroutine, arguments):
                coroutine.close()
            attempts.append(what)
            raise AssertionError(f"{what} was used")

        return refuse

    monkeypatch.setattr("socket.socket.__init__", note("a socket"))
    monkeypatch.setattr("socket.getaddrinfo", note("a name server"))
    monkeypatch.setattr("flare_widgets.wire.loop.start", note("the I/O thread"))
    return attempts


@pytest.fixture
def shared_kit() -> Iterator[Path]:
    """A kit in a folder that everybody may enter (unlike pytest's)."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    kit = write_kit(folder / "kit")
    try:
        yield kit
    finally:
        for closed in (kit, kit / "startup"):
            closed.chmod(0o755)
        shutil.rmtree(folder)


def test_good_kit_says_who_and_where(kit: Path) -> None:
    loaded = StartupKit.load(kit)
    assert (loaded.username, loaded.organization, loaded.role) == (kits.USER, kits.ORG, kits.ROLE)
    assert (loaded.project_name, loaded.server_identity) == (kits.PROJECT, "server")
    assert (loaded.scheme, loaded.host, loaded.port, loaded.address) == ("http", "localhost", 8002, "localhost:8002")
    assert (loaded.connection_security, loaded.uid_source) == ("mtls", "user_input")
    assert loaded.expires_at == NOW + 360 * DAY
    assert loaded.root == kit
    assert loaded.certificate == (kit / "startup" / "client.crt").read_bytes()
    assert loaded.upload_dir == loaded.download_dir == kit / "transfer"


@pytest.mark.parametrize("inside", ["", "startup"])
@pytest.mark.parametrize("as_text", [True, False])
def test_either_folder_of_kit_will_do(kit: Path, inside: str, as_text: bool) -> None:
    location = kit / inside
    assert StartupKit.load(str(location) if as_text else location).startup == kit / "startup"


def test_relative_and_home_locations_are_found(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kit.parent)
    monkeypatch.setenv("HOME", str(kit.parent))
    assert find_startup("kit") == find_startup("~/kit") == kit / "startup"


def test_missing_fields_use_defaults(tmp_path: Path) -> None:
    optional = ("scheme", "host", "port", "connection_security", "server_identity", "uid_source", "upload_dir")
    loaded = StartupKit.load(write_kit(tmp_path / "kit", **dict.fromkeys(optional)))
    assert (loaded.scheme, loaded.address, loaded.connection_security) == ("http", "localhost:8002", "mtls")
    assert (loaded.server_identity, loaded.uid_source) == ("server", "user_input")
    assert loaded.upload_dir == loaded.root / "transfer"


OLD_ADMIN = {
    "with_file_transfer": True,
    "upload_dir": "transfer",
    "download_dir": "transfer",
    "with_login": True,
    "with_ssl": True,
    "cred_type": "cert",
    "client_key": "client.key",
    "client_cert": "client.crt",
    "ca_cert": "rootCA.pem",
    "prompt": "> ",
}
DUMMY_OVERSEER = {
    "path": "nvflare.ha.dummy_overseer_agent.DummyOverseerAgent",
    "args": {"sp_end_point": "server:8002:8003"},
}
HTTP_OVERSEER = {
    "path": "nvflare.ha.overseer_agent.HttpOverseerAgent",
    "args": {"role": "admin", "overseer_end_point": "https://o:8443/api/v1", "project": "p", "name": "ada"},
}


@pytest.mark.parametrize(
    "admin",
    [
        {**OLD_ADMIN, "overseer_agent": DUMMY_OVERSEER},  # 2.2 to 2.6, provisioned
        {**OLD_ADMIN, "overseer_agent": HTTP_OVERSEER},  # 2.1 to 2.6, with high availability
        {
            **OLD_ADMIN,
            "username": "ada",
            "cred_type": "local_cert",
            "overseer_agent": DUMMY_OVERSEER,
        },  # 2.4 to 2.6, POC
        OLD_ADMIN,  # without an overseer agent in its project.yml
    ],
    ids=["provisioned", "overseer", "poc", "bare"],
)
def test_kit_before_2_7_is_called_that(kit: Path, admin: dict[str, object]) -> None:
    (kit / "startup" / "fed_admin.json").write_text(json.dumps({"format_version": 1, "admin": admin}))
    with pytest.raises(ConfigError) as caught:
        StartupKit.load(kit)
    assert str(caught.value) == (
        f"{kit}/startup/fed_admin.json: this startup kit was made by NVIDIA FLARE 2.6 or older, which does not write "
        "where the server is. Ask your project admin to provision the federation again with NVIDIA FLARE 2.7 or later, "
        "and to send you the new startup kit"
    )
    settings = StartupKit.check(kit, network=False)["settings"]
    assert settings.outcome == "failed"
    assert settings.sentence == str(caught.value)


def test_kit_before_2_1_is_called_that(kit: Path) -> None:
    startup = kit / "startup"
    (startup / "fed_admin.json").unlink()
    script = "python3 -m nvflare.fuel.hci.tools.admin --host server --port 8003 --ca_cert=$DIR/rootCA.pem"
    (startup / "fl_admin.sh").write_text(script)
    for location in (kit, startup):
        with pytest.raises(ConfigError, match=r"startup kit of NVIDIA FLARE 2\.0 or older.*provision the federation"):
            StartupKit.load(location)
    # That of a later version reads fed_admin.json: the kit is incomplete.
    (startup / "fl_admin.sh").write_text("python3 -m nvflare.fuel.hci.tools.admin -m $DIR/.. -s fed_admin.json")
    with pytest.raises(ConfigError, match=r"fed_admin\.json is missing"):
        StartupKit.load(kit)


def test_kit_since_2_7_with_old_settings_is_good(kit: Path) -> None:
    edit_admin(kit, overseer_agent=DUMMY_OVERSEER, with_ssl=True)
    assert StartupKit.load(kit).address == "localhost:8002"


def test_capital_letters_do_not_matter(tmp_path: Path) -> None:
    loaded = StartupKit.load(write_kit(tmp_path / "kit", scheme="HTTP", connection_security="mTLS"))
    assert (loaded.scheme, loaded.connection_security) == ("http", "mtls")


@pytest.mark.parametrize("name", ["resources.json", "resources.json.default"])
def test_users_own_settings_win(kit: Path, name: str) -> None:
    (kit / "local").mkdir()
    (kit / "local" / name).write_text('{"admin": {"host": "example.org", "idle_timeout": 900.0}}')
    assert StartupKit.load(kit).host == "example.org"


def test_local_resources_override_default_file(kit: Path) -> None:
    (kit / "local").mkdir()
    (kit / "local" / "resources.json").write_text("{}")
    (kit / "local" / "resources.json.default").write_text('{"admin": {"host": "example.org"}}')
    assert StartupKit.load(kit).host == "localhost"


def test_own_settings_that_are_damaged_are_named(kit: Path) -> None:
    (kit / "local").mkdir()
    (kit / "local" / "resources.json").write_text("{")
    with pytest.raises(ConfigError, match=r"resources\.json is not valid JSON"):
        StartupKit.load(kit)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ('{"admin": {"port": "9002"}}', "port '9002' is not a number"),
        ('{"admin": {"scheme": "ssh"}}', "unknown scheme 'ssh'"),
        ('{"admin": {"host": ""}}', "'host' is missing"),
        ('{"admin": {"connection_security": "x"}}', "unknown connection_security"),
        ("[", "is not valid JSON"),
        ("[]", "is not a JSON object"),
        ("", "is empty"),
    ],
)
def test_bad_setting_is_blamed_on_its_own_file(kit: Path, own: str, words: str) -> None:
    file = kit / "local" / "resources.json"
    file.parent.mkdir()
    file.write_text(own)
    with pytest.raises(ConfigError) as caught:
        StartupKit.load(kit)
    assert str(file) in caught.value.description
    assert words in caught.value.description
    assert "fed_admin.json" not in str(caught.value)
    assert "that file, or remove it" in caught.value.next_step
    edit_admin(kit, port="8002")
    file.write_text('{"admin": {"host": "example.org"}}')
    with pytest.raises(ConfigError, match=r"fed_admin\.json: port '8002' .*Ask your project admin"):
        StartupKit.load(kit)


def test_source_of_settings_is_the_file_they_are_in(kit: Path) -> None:
    (kit / "local").mkdir()
    own, admins = kit / "local" / "resources.json", kit / "startup" / "fed_admin.json"
    own.write_text('{"admin": {"host": "example.org"}}')
    loaded = StartupKit.load(kit)
    assert loaded.source("host") == str(own)
    assert loaded.source("port") == str(admins)
    assert loaded.source("scheme", "host", "port") == f"{admins} and {own}"


def test_chain_over_intermediate_authority_is_accepted(tmp_path: Path) -> None:
    root = authority()
    loaded = StartupKit.load(write_kit(tmp_path / "kit", root, root.issue("branch", ca=True).issue("leaf")))
    assert loaded.username == "leaf"


def test_chain_that_includes_root_is_accepted() -> None:
    root = authority()
    user = root.issue("leaf")
    assert chains_to_root([user.certificate, root.certificate], root.certificate)


def test_expired_intermediate_authority_is_refused(tmp_path: Path) -> None:
    root = authority()
    old = root.issue("branch", ca=True, begins=NOW - 9 * DAY, ends=NOW - DAY)
    with pytest.raises(InvalidCertChain, match="expired on"):
        StartupKit.load(write_kit(tmp_path / "kit", root, old.issue("leaf")))


def test_validity_is_that_of_given_time(kit: Path) -> None:
    assert StartupKit.load(kit, now=NOW + 359 * DAY).username == kits.USER
    with pytest.raises(InvalidCertChain, match="expired"):
        StartupKit.load(kit, now=NOW + 361 * DAY)
    with pytest.raises(InvalidCertChain, match="valid only from"):
        StartupKit.load(kit, now=(NOW - 2 * DAY).astimezone(timezone.utc))


@pytest.mark.parametrize("bad", BAD_KITS, ids=lambda bad: bad.name)
def test_bad_kit_refused_before_network_use(kit: Path, bad: BadKit, no_network: list[str]) -> None:
    bad.spoil(kit)
    for use in (lambda: StartupKit.load(kit), lambda: new_secure_session(kits.USER, str(kit)), lambda: connect(kit)):
        began = time.monotonic()
        with pytest.raises(FlareError) as caught:
            use()
        assert time.monotonic() - began < 1  # milliseconds, in fact
        assert type(caught.value) is bad.error
        message = str(caught.value)
        assert str(kit / bad.names) in message
        for words in bad.says:
            assert words in message
        assert "\n" not in message
    assert not no_network


def test_record_of_network_use_works(kit: Path, no_network: list[str]) -> None:
    """The test above would prove nothing if a good kit led to no network use either."""
    with pytest.raises(AssertionError):
        connect(kit)
    assert no_network


@pytest.mark.parametrize("file", ["client.crt", "client.key", "rootCA.pem", "fed_admin.json"])
def test_unreadable_file_is_named(shared_kit: Path, file: str) -> None:
    (shared_kit / "startup" / file).chmod(0)
    with as_ordinary_user(), pytest.raises(ConfigError, match=r"permission denied.*chmod") as caught:
        StartupKit.load(shared_kit)
    assert str(shared_kit / "startup" / file) in str(caught.value)


@pytest.mark.parametrize("folder", ["", "startup"])
def test_inaccessible_folder_is_named(shared_kit: Path, folder: str) -> None:
    (shared_kit / folder).chmod(0)
    with as_ordinary_user(), pytest.raises(ConfigError, match=r"cannot be read|permission denied") as caught:
        StartupKit.load(shared_kit)
    assert str(shared_kit) in str(caught.value)


def test_folder_that_does_not_exist(tmp_path: Path, no_network: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"there is no startup kit at .*: no such folder") as caught:
        connect(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)
    assert not no_network


def test_file_in_place_of_folder(tmp_path: Path) -> None:
    (tmp_path / "kit.zip").touch()
    with pytest.raises(ConfigError, match=r"is a file, not a startup kit. Pass the folder"):
        StartupKit.load(tmp_path / "kit.zip")


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not a startup kit: .*missing. Pass the folder"):
        StartupKit.load(tmp_path)


@pytest.mark.parametrize(("file", "whose"), [("fed_server.json", "a server"), ("fed_client.json", "a site")])
@pytest.mark.parametrize("inside", ["", "startup"])
def test_kit_of_somebody_else(tmp_path: Path, file: str, whose: str, inside: str) -> None:
    (tmp_path / "startup").mkdir()
    (tmp_path / "startup" / file).touch()
    with pytest.raises(ConfigError, match=f"is the startup kit of {whose}. Use the kit of a user"):
        StartupKit.load(tmp_path / inside)


@pytest.mark.parametrize("location", ["~nosuchuser/kit", "a\0b", "x" * 5000, ""])
def test_location_that_cannot_be(location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError):
        StartupKit.load(location)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SETTINGS = ("scheme", "host", "port", "connection_security", "client_cert", "client_key", "ca_cert", "upload_dir")


def loads_or_says_why(kit: Path) -> str:
    """The kit's folder if it can be used, else the error's message."""
    try:
        return str(StartupKit.load(kit).root)
    except ConfigError as error:
        return str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(changes=st.dictionaries(st.sampled_from(SETTINGS), JSON, min_size=1, max_size=3))
@example(changes={"client_cert": "\0"})
@example(changes={"client_cert": "\ud800"})
@example(changes={"client_key": "x" * 5000})
@example(changes={"download_dir": "\0"})
@example(changes={"upload_dir": "~"})
def test_arbitrary_settings_raise_only_config_error(kit: Path, changes: dict[str, object]) -> None:
    good = (kit / "startup" / "fed_admin.json").read_text()
    edit_admin(kit, **changes)
    try:
        assert str(kit) in loads_or_says_why(kit)
    finally:
        (kit / "startup" / "fed_admin.json").write_text(good)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    name=st.sampled_from(["client.crt", "client.key", "rootCA.pem", "fed_admin.json"]),
    at=st.integers(0, 3000),
    junk=st.binary(max_size=20),
)
def test_damaged_byte_raises_only_config_error(kit: Path, name: str, at: int, junk: bytes) -> None:
    file = kit / "startup" / name
    good = file.read_bytes()
    file.write_bytes(good[:at] + junk + good[at + len(junk) :])
    try:
        assert str(kit) in loads_or_says_why(kit)
    finally:
        file.write_bytes(good)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(at=st.integers(0, 800), bit=st.integers(0, 7))
@example(at=12, bit=0)  # the version
@example(at=189, bit=0)  # the kind of key
def test_damaged_certificate_bit_is_refused(kit: Path, at: int, bit: int) -> None:
    file = kit / "startup" / "client.crt"
    good = file.read_bytes()
    der = bytearray(x509.load_pem_x509_certificate(good).public_bytes(Encoding.DER))
    assume(at % len(der) != len(der) - 257)  # says how many bits at the end of the signature do not count
    der[at % len(der)] ^= 1 << bit
    file.write_bytes(ssl.DER_cert_to_PEM_cert(bytes(der)).encode())
    try:
        with pytest.raises(InvalidCertChain):
            StartupKit.load(kit)
    finally:
        file.write_bytes(good)


def test_what_kit_signs_certificate_verifies(kit: Path) -> None:
    loaded = StartupKit.load(kit)
    user = authority().issue(kits.USER).certificate
    signature = loaded.sign(b"content")
    assert verify_signature(user, b"content", signature)
    assert not verify_signature(user, b"other content", signature)
    assert not verify_signature(user, b"content", signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not verify_signature(user, b"content", b"")
    assert not verify_signature(authority().issue("somebody else").certificate, b"content", signature)


def test_signatures_verify_both_ways_with_nvflare(kit: Path) -> None:
    from nvflare.lighter.utils import load_private_key_file, sign_content, verify_content

    loaded = StartupKit.load(kit)
    user = authority().issue(kits.USER).certificate
    verify_content(b"content", loaded.sign(b"content"), user.public_key())  # raises if it is wrong
    theirs = sign_content(b"content", load_private_key_file(str(loaded.key_file)), return_str=False)
    assert verify_signature(user, b"content", theirs)


def test_key_and_certificate_are_not_shown(kit: Path) -> None:
    loaded = StartupKit.load(kit)
    shown = repr(loaded) + str(loaded)
    assert loaded._key is not None
    for secret in (loaded.key_file.read_text(), loaded.certificate.decode(), str(loaded._key.private_numbers().d)):
        for line in secret.splitlines():
            assert line not in shown
    assert "RSAPrivateKey" not in shown
    assert kits.USER in shown


def test_kits_can_be_compared(kit: Path, tmp_path: Path) -> None:
    loaded = StartupKit.load(kit)
    assert replace(loaded) == loaded
    assert replace(loaded, host="elsewhere") != loaded


@pytest.mark.parametrize(
    "setting",
    ["scheme", "connection_security", "port", "client_cert", "client_key", "ca_cert", "project_name", "host"],
)
@pytest.mark.parametrize("hostile", ["\x1b[2J\x1b]0;title\x07", "\u202egro.elpmaxe", "a\r\nb\u2028c\x85"])
def test_hostile_setting_cannot_reach_terminal(kit: Path, setting: str, hostile: str) -> None:
    edit_admin(kit, **{setting: hostile})
    with contextlib.suppress(FlareError):
        StartupKit.load(kit)
        return  # a name that is only compared or displayed, and sanitized there
    with pytest.raises(ConfigError) as caught:
        StartupKit.load(kit)
    assert str(caught.value).isprintable()
    assert caught.value.description.isprintable()


def test_message_about_long_setting_is_short(kit: Path) -> None:
    edit_admin(kit, scheme="x" * 1_000_000)
    with pytest.raises(ConfigError) as caught:
        StartupKit.load(kit)
    assert len(str(caught.value)) < 5000


def test_windows_path_is_explained() -> None:
    with pytest.raises(ConfigError, match=r"there is no startup kit at .*path of Windows"):
        StartupKit.load(r"C:\kits\admin@nvidia.com")
