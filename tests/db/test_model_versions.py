"""Exactly one version is active, whatever is tried, and every change of it says why."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db import model_decisions, model_versions
from db.model_decisions import Facts, Grounds
from db.model_versions import ModelVersionError
from db.session import transaction
from db.tables import ModelDecision, ModelVersion, SiteCalibration
from db.vocabulary import Decision, ModelStatus
from tests.conftest import CarpusEnvironment


def facts(number: int, recipe: dict[str, Any] | None = None) -> Facts:
    return Facts("hand", f"0.0.{number}", f"{number:x}" * 64, {"metrics": {}}, recipe)


@pytest.fixture
def session(carpus_env: CarpusEnvironment) -> Any:
    with transaction() as opened:
        yield opened


def statuses(session: Session) -> dict[str, str | None]:
    session.flush()
    return {row.version[-1]: row.status for row in session.execute(select(ModelVersion.version, ModelVersion.status))}


def registered(session: Session, *numbers: int) -> list[ModelVersion]:
    return [model_decisions.register(session, facts(number)) for number in numbers]


def test_a_bundle_is_registered_once_and_keeps_what_it_was_registered_with(session: Session) -> None:
    first = model_decisions.register(session, facts(1, {"name": "mine"}))
    again = model_decisions.register(session, facts(1), parent_id=first.id)
    assert again.id == first.id
    assert (again.status, again.recipe, again.parent_id) == (ModelStatus.CANDIDATE, {"name": "mine"}, None)


def test_what_only_assessed_has_no_status_until_it_is_registered(session: Session) -> None:
    assert model_decisions.add(session, facts(1)).status is None
    with pytest.raises(ModelVersionError, match=r"no registered version is called 'hand 0\.0\.1'; .*: none"):
        model_versions.find(session, "hand 0.0.1")
    with pytest.raises(ModelVersionError, match="no bundle of it is kept"):
        model_decisions.promote(session, model_decisions.add(session, facts(1)))
    assert registered(session, 1)[0].status == ModelStatus.CANDIDATE


def test_promoting_retires_the_version_before_and_is_a_decision_with_its_grounds(session: Session) -> None:
    first, second = registered(session, 1, 2)
    model_decisions.promote(session, first)
    model_decisions.promote(session, second, Grounds(["better"], {"mae": 1.5}, "reports/1.html"))
    assert statuses(session) == {"1": "retired", "2": "active"}
    kept = session.scalars(select(ModelDecision).order_by(ModelDecision.id)).all()
    assert [(one.decision, one.model_version_id, one.active_id) for one in kept] == [
        ("promoted", first.id, first.id),
        ("promoted", second.id, second.id),
    ]
    assert (kept[1].reasons, kept[1].figures, kept[1].report) == (["better"], {"mae": 1.5}, "reports/1.html")
    with pytest.raises(ModelVersionError, match="is active already"):
        model_decisions.promote(session, second)


def test_rolling_back_leads_to_the_version_before_and_twice_back_again(session: Session) -> None:
    with pytest.raises(ModelVersionError, match="nothing to go back to"):
        model_decisions.roll_back(session)
    first, second = registered(session, 1, 2)
    model_decisions.promote(session, first)
    with pytest.raises(ModelVersionError, match="nothing to go back to"):
        model_decisions.roll_back(session)
    model_decisions.promote(session, second)
    assert model_decisions.roll_back(session).id == first.id
    assert statuses(session) == {"1": "active", "2": "retired"}
    assert model_decisions.roll_back(session).id == second.id
    assert session.scalars(select(ModelDecision.decision).order_by(ModelDecision.id.desc())).first() == "rolled back"


def test_the_bundle_of_the_settings_is_active_until_another_is_chosen(session: Session) -> None:
    assert model_decisions.begin_with(session, facts(1))
    assert not model_decisions.begin_with(session, facts(1))
    assert model_decisions.begin_with(session, facts(2)), "a newer Carpus brought another bundle"
    assert statuses(session) == {"1": "retired", "2": "active"}
    assert not model_decisions.begin_with(session, facts(1)), "an older Carpus on another machine goes back to nothing"
    model_decisions.promote(session, registered(session, 3)[0])
    assert not model_decisions.begin_with(session, facts(4))
    assert statuses(session) == {"1": "retired", "2": "retired", "3": "active", "4": "candidate"}


def test_what_a_person_chose_last_is_known_however_many_refreshes_follow(session: Session) -> None:
    assert model_versions.last_chosen(session) is None
    first, second, third, fourth = registered(session, 1, 2, 3, 4)
    model_decisions.promote(session, first)
    model_decisions.promote(session, second)
    for row in (third, fourth):
        model_decisions.promote(session, row, decision=Decision.REFRESHED)
    model_decisions.decide(session, Decision.REFUSED, first)
    assert (chosen := model_versions.last_chosen(session)) is not None
    assert chosen.id == second.id
    model_decisions.roll_back(session)
    assert (chosen := model_versions.last_chosen(session)) is not None
    assert chosen.id == third.id


def test_a_shadow_takes_the_place_of_another_and_never_of_the_active_one(session: Session) -> None:
    first, second, third = registered(session, 1, 2, 3)
    model_decisions.promote(session, first)
    model_decisions.let_shadow(session, second)
    model_decisions.let_shadow(session, third)
    assert statuses(session) == {"1": "active", "2": "retired", "3": "shadow"}
    for refused in (model_decisions.let_shadow, model_decisions.retire):
        with pytest.raises(ModelVersionError, match="is active"):
            refused(session, first)
    served = model_versions.serving(session)
    assert {status: one.id for status, one in served.items()} == {"active": first.id, "shadow": third.id}
    model_decisions.promote(session, third)
    assert statuses(session) == {"1": "retired", "2": "retired", "3": "active"}
    model_decisions.retire(session, second)
    assert session.scalars(select(ModelDecision.decision).order_by(ModelDecision.id.desc())).first() == "retired"


def test_what_is_served_names_the_site_calibration_that_stands(session: Session) -> None:
    (row,) = registered(session, 1)
    with pytest.raises(ModelVersionError, match="no model version is active yet"):
        model_versions.active(session)
    model_decisions.promote(session, row)
    nothing = {"model_version_id": row.id, "correction": {}, "figures": {}}
    session.add(SiteCalibration(**nothing, retired_at=text("now()")))
    session.flush()
    assert model_versions.active(session).site_calibration_id is None
    session.add(standing := SiteCalibration(**nothing))
    session.flush()
    assert model_versions.active(session).site_calibration_id == standing.id


def test_a_version_is_named_by_name_or_by_enough_of_its_digest(session: Session) -> None:
    first, _ = registered(session, 1, 2)
    assert model_versions.find(session, "hand 0.0.1").id == first.id
    assert model_versions.find(session, "111111").id == first.id
    for unclear in ("11111", "hand", "%", "333333"):
        with pytest.raises(ModelVersionError, match=r"hand 0\.0\.1 \(111111111111\), hand 0\.0\.2"):
            model_versions.find(session, unclear)
    twin = Facts("hand", "0.0.1", "a" * 64, {})
    model_decisions.register(session, twin)
    with pytest.raises(ModelVersionError, match=r"several registered versions are called 'hand 0\.0\.1'"):
        model_versions.find(session, "hand 0.0.1")


def _retire_all(session: Session) -> None:
    session.execute(update(ModelVersion).values(status="retired"))


def _remove_all(session: Session) -> None:
    session.execute(delete(ModelDecision))
    session.execute(delete(ModelVersion))


@pytest.mark.parametrize("change", [_retire_all, _remove_all])
def test_the_database_refuses_to_be_without_an_active_version(
    carpus_env: CarpusEnvironment, change: Callable[[Session], None]
) -> None:
    with transaction() as session:
        model_decisions.promote(session, registered(session, 1)[0])
    with pytest.raises(IntegrityError, match="no model version would be active"), transaction() as session:
        change(session)
    with transaction() as session:
        assert statuses(session) == {"1": "active"}


@pytest.mark.parametrize("status", ["active", "shadow"])
def test_the_database_refuses_a_second_active_version_or_shadow(session: Session, status: str) -> None:
    registered(session, 1, 2)
    with pytest.raises(IntegrityError, match="uq_model_version_serving"), session.begin_nested():
        session.execute(update(ModelVersion).values(status=status))


def test_two_who_promote_at_once_take_turns(carpus_env: CarpusEnvironment) -> None:
    with transaction() as session:
        names = [model_versions.described(row) for row in registered(session, *range(1, 9))]

    def promote(number: int) -> None:
        with transaction() as session:
            model_decisions.promote(session, model_versions.find(session, f"hand 0.0.{number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(promote, range(1, 9)))
    with transaction() as session:
        assert sorted(str(one) for one in statuses(session).values()) == ["active", *["retired"] * 7]
        decided = session.scalars(select(ModelDecision).order_by(ModelDecision.id)).all()
        last = session.get_one(ModelVersion, decided[-1].active_id)
        assert last.status == "active"
        assert len(decided) == len(names)
        assert all(one.active_id == one.model_version_id for one in decided)


def test_every_decision_has_its_word_in_the_table(session: Session) -> None:
    for word in Decision:
        model_decisions.decide(session, word)
