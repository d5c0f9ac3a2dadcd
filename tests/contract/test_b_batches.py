"""B9: many targets, one job each, under one parent."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from terminal import Home, Python, Shell, matches, wait_until

LISTING = """
Id  Name          State    Context    Target    Elapsed  More
 …  Stop-AzVM x3  Running  Rehearsal  3 machines  …
"""


@pytest.fixture
def machines(home: Home, signed_in: Shell, python: Python) -> list[str]:
    """Three machines, tagged dev."""
    done = python(
        """
        creds = az.Credential("vmadmin", az.SecureString("Pa55-word-long!"))
        jobs = [az.new_az_vm(name=f"dev{n}", credential=creds, tag={"env": "dev"}, as_job=True) for n in range(3)]
        import json
        print(json.dumps([job.result(30).id for job in jobs]))
        """
    )
    assert done.code == 0, done
    found: list[str] = json.loads(done.out)
    return found


def test_ids_from_stdin_become_one_job_with_a_child_for_each(home: Home, signed_in: Shell, machines: list[str]) -> None:
    """As `vm get` prints them; the children show themselves when they are asked for."""
    home.cloud.time("at-once", kinds={"vm-deallocate": {"mode": "held"}})
    ids = """azjobs vm get --output json --query "[?tags.env=='dev'].id" """
    done = signed_in(f"{ids} | azjobs vm stop --id - --force --as-job --output table")
    assert done.code == 0, done
    assert matches(LISTING, done.out), done
    wait_until(lambda: len(home.cloud.requests(method="POST", path_regex="/deallocate")) == 3)
    home.cloud.finish()
    waited = signed_in("azjobs job wait 'Stop-AzVM x3' --output json")
    assert waited.code == 0, waited
    batch = waited.json
    assert (batch["state"], batch["jobType"]) == ("Completed", "BatchJob")
    result = signed_in(f"azjobs job result {batch['id']} --output json")
    assert sorted(one["name"] for one in result.json) == ["dev0", "dev1", "dev2"]


def test_one_that_fails_is_named_and_the_exit_code_says_so(home: Home, signed_in: Shell, machines: list[str]) -> None:
    """`az vm stop --ids` names another machine and exits with 0; this says which, why, and 6."""
    home.cloud.time("at-once", kinds={"vm-deallocate": {"mode": "held"}})
    with ThreadPoolExecutor() as pool:
        line = "azjobs vm stop --id - --force --output json"
        stop = pool.submit(signed_in, line, stdin="\n".join(machines))
        wait_until(lambda: len(home.cloud.requests(method="POST", path_regex="/deallocate")) == 3)
        home.cloud.finish(machines[2])
        home.cloud.finish(machines[1], status="Failed", code="AllocationFailed", message="There is no room for dev1.")
        home.cloud.finish(machines[0])
        done = stop.result()
    assert done.code == 6, done
    assert [(one["target"], one["state"]) for one in done.json] == [
        ("dev0", "Completed"),
        ("dev1", "Failed"),
        ("dev2", "Completed"),
    ]
    assert "dev1 failed: AllocationFailed. There is no room for dev1." in done.err
    assert "dev0 failed" not in done.err
    last = done.err.splitlines()[-1]
    assert last.startswith("1 of 3 failed. To do those again, type: azjobs job retry "), done
    again = signed_in(f"{last.partition('type: ')[2]} --output json")
    assert (again.code, again.json["name"], again.json["target"]) == (0, "Stop-AzVM x1", "1 machine"), again
    home.cloud.wait_for_requests(method="POST", path_regex="dev1/deallocate", count=2)
    home.cloud.finish()
    assert signed_in(f"azjobs job wait {again.json['id']}").code == 0
    assert "dev2 failed" not in done.err


def test_names_in_a_row_are_a_batch_and_a_lone_one_is_not(home: Home, signed_in: Shell, machines: list[str]) -> None:
    """A rehearsal counts them, says where they are and shows some; too many are refused; no ids are no work."""
    tried = signed_in("azjobs vm stop dev0 dev1 dev2 --what-if --output table")
    assert tried.code == 0, tried
    assert tried.out.startswith("Stop-AzVM would act on 3 in subscription Rehearsal (tenant Contoso):"), tried
    assert not home.cloud.requests(method="POST", path_regex="/deallocate")
    refused = signed_in("azjobs vm stop dev0 dev1 dev2 --force --max-targets 2")
    assert (refused.code, "more than the 2" in refused.err) == (2, True), refused
    none = signed_in("azjobs vm stop --id - --force", stdin="[]")
    assert (none.code, none.out) == (0, ""), none
    assert "nothing was begun" in none.err
    many = signed_in("azjobs Stop-AzVM -Name dev0, dev1 -Force -AsJob -Output json")
    assert many.json["jobType"] == "BatchJob", many
    one = signed_in("azjobs vm stop dev2 --force --as-job --output json")
    assert one.json["jobType"] == "AzureLongRunningJob", one
    assert signed_in("azjobs job wait --all").code == 0
