"""Deploys the whole template into the emulator, as `sam deploy` would into AWS, and looks at each resource through its own API.

    deploy.py TEMPLATE SAM EMULATOR_URL FOLDER

TEMPLATE is what release/assemble.py made. CloudFormation turns SAM's kinds of resources into its own with the library that is used
here; the emulator cannot, so it is done before.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
from samcli.yamlhelper import yaml_dump, yaml_parse
from samtranslator.translator.transform import transform
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader

REGION = "eu-central-1"
STACK = "pigeonpost-prod"
ACCOUNT = "123456789012"
PARAMETERS = {"AlarmEmail": "owner@example.com", "Architecture": "x86_64", "ReserveConcurrency": "yes", "LogRetentionDays": "90"}


def main(template, sam, url, folder):
    os.environ.update(
        AWS_ACCESS_KEY_ID="emulated", AWS_SECRET_ACCESS_KEY="emulated", AWS_DEFAULT_REGION=REGION, AWS_ENDPOINT_URL=url,
        SAM_CLI_TELEMETRY="0")
    source = yaml_parse(Path(template).read_text())
    boto3.client("s3").create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})
    packaged, translated = folder / "packaged.yaml", folder / "translated.yaml"
    run(sam, "package", "--template-file", template, "--s3-bucket", "artifacts", "--region", REGION, "--output-template-file", packaged)
    loader = ManagedPolicyLoader(boto3.client("iam"))
    # The managed policies that SAM names; the emulator has all of AWS's.
    whole = transform(yaml_parse(packaged.read_text()), {**{n: p.get("Default", "") for n, p in source["Parameters"].items()}}, loader)
    translated.write_text(yaml_dump(whole))
    overrides = " ".join(f"{name}={value}" for name, value in PARAMETERS.items())
    run(sam, "deploy", "--template-file", translated, "--stack-name", STACK, "--s3-bucket", "artifacts", "--capabilities", "CAPABILITY_IAM",
        "--region", REGION, "--no-confirm-changeset", "--no-progressbar", "--parameter-overrides", overrides)
    Check(source, whole).all()


def run(*command):
    print("$", " ".join(str(word) for word in command), flush=True)
    subprocess.run([str(word) for word in command], check=True)


class Check:
    """Looks at the deployed stack. `is_` counts what was looked at and ends with the first thing that is not as it should be."""

    def __init__(self, source, translated):
        self.source, self.translated, self.count = source["Resources"], translated["Resources"], 0
        self.globals = source["Globals"]["Function"]
        stack = boto3.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        self.is_("the stack", stack["StackStatus"], "CREATE_COMPLETE")
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
        self.ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for page in pages for each in page["StackResourceSummaries"]}
        self.parameters = PARAMETERS

    def is_(self, what, found, expected):
        self.count += 1
        if found != expected:
            sys.exit(f"{what}: {found!r}, not {expected!r}")

    def has(self, what, found):
        self.is_(what, bool(found), True)

    def all(self):
        # The parameters are such that there is no condition that leaves one out.
        self.is_("resources that were not made", sorted(self.translated.keys() - self.ids.keys()), [])
        for check in (self.table, self.bucket, self.secret, self.key, self.logs, self.queue, self.api, self.functions, self.streams,
                      self.schedules, self.alarms):
            before = self.count
            check()
            print(f"{check.__name__:10} {self.count - before:4} looked at", flush=True)
        for name, ending in {"ManifestUrl": "/manifest.json", "CallbackUrl": "/oauth/callback", "InstallUrl": "/oauth/install",
                             "WhatsappWebhookUrl": "/webhooks/whatsapp", "SetupUrl": "/setup"}.items():
            self.is_(f"output {name}", self.outputs[name], self.outputs["BaseUrl"] + ending)
        print(f"{len(self.ids)} resources, {self.count} things looked at: all as the template says")

    def table(self):
        client = boto3.client("dynamodb")
        table = client.describe_table(TableName=self.ids["Table"])["Table"]
        self.is_("billing", table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
        self.is_("deletion protection", table["DeletionProtectionEnabled"], True)
        self.is_("stream", table["StreamSpecification"], {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
        self.is_("key of the table", table["SSEDescription"]["KMSMasterKeyArn"], self.key_arn())
        indexes = {index["IndexName"]: index["Projection"]["ProjectionType"] for index in table["GlobalSecondaryIndexes"]}
        self.is_("indexes", indexes, {"by_channel": "INCLUDE", "by_company": "INCLUDE", "changes": "INCLUDE", "due": "KEYS_ONLY"})
        backups = client.describe_continuous_backups(TableName=self.ids["Table"])["ContinuousBackupsDescription"]
        self.is_("recovery", backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"], "ENABLED")
        ttl = client.describe_time_to_live(TableName=self.ids["Table"])["TimeToLiveDescription"]
        self.is_("time to live", ttl, {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"})

    def bucket(self):
        client, name = boto3.client("s3"), self.ids["MediaBucket"]
        block = client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        self.is_("public access", set(block.values()), {True})
        rule = client.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
        self.is_("encryption", rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "aws:kms")
        rules = {rule["ID"] for rule in client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]}
        self.is_("lifecycle", rules, {"files", "uploads", "broken-uploads"})
        cors = client.get_bucket_cors(Bucket=name)["CORSRules"]
        self.is_("what pages may do", [rule["AllowedMethods"] for rule in cors], [["PUT"]])
        policy = json.loads(client.get_bucket_policy(Bucket=name)["Policy"])
        self.is_("policy of the bucket", [each["Effect"] for each in policy["Statement"]], ["Deny"])

    def secret(self):
        client = boto3.client("secretsmanager")
        self.is_("key of the secret", client.describe_secret(SecretId=self.ids["Secret"])["KmsKeyId"], self.key_arn())
        fields = json.loads(client.get_secret_value(SecretId=self.ids["Secret"])["SecretString"])
        self.is_("length of the generated key", len(fields.pop("encryption_key")), 48)
        self.is_("what the owner fills in", set(fields.values()), {""})

    def key(self):
        client = boto3.client("kms")
        self.is_("rotation", client.get_key_rotation_status(KeyId=self.ids["Key"])["KeyRotationEnabled"], True)

    def key_arn(self):
        return boto3.client("kms").describe_key(KeyId=self.ids["Key"])["KeyMetadata"]["Arn"]

    def logs(self):
        client = boto3.client("logs")
        groups = {group["logGroupName"]: group for group in client.describe_log_groups()["logGroups"]}
        for logical, name in (("AccessLogs", f"/aws/vendedlogs/{STACK}/access"), ("FunctionLogs", f"/pigeonpost/{STACK}/functions")):
            self.is_(f"retention of {logical}", groups[name]["retentionInDays"], int(self.parameters["LogRetentionDays"]))
        filters = client.describe_metric_filters(logGroupName=f"/pigeonpost/{STACK}/functions")["metricFilters"]
        self.is_("filters", len(filters), self.of("AWS::Logs::MetricFilter"))
        for each in filters:
            self.is_(each["filterName"], each["metricTransformations"][0]["metricNamespace"], f"Pigeonpost/{STACK}")

    def queue(self):
        client = boto3.client("sqs")
        attributes = client.get_queue_attributes(QueueUrl=self.ids["UndeliveredBatches"], AttributeNames=["All"])["Attributes"]
        self.is_("how long notes are kept", attributes["MessageRetentionPeriod"], "1209600")
        self.has("key of the queue", attributes["KmsMasterKeyId"])

    def api(self):
        client, api = boto3.client("apigatewayv2"), self.ids["Api"]
        uris = {each["IntegrationId"]: each["IntegrationUri"] for each in client.get_integrations(ApiId=api)["Items"]}
        pages = client.get_paginator("get_routes").paginate(ApiId=api)
        routes = {route["RouteKey"]: uris[route["Target"].removeprefix("integrations/")] for page in pages for route in page["Items"]}
        expected = {f"{event['Properties']['Method'].upper()} {event['Properties']['Path']}": name for name, event in self.events("HttpApi")}
        self.is_("routes", routes.keys(), expected.keys())
        for route, name in expected.items():
            self.is_(f"function of {route}", routes[route].split(":function:")[1], f"{self.ids[name]}/invocations")
        self.is_("CORS", client.get_api(ApiId=api).get("CorsConfiguration"), None)
        stage = client.get_stage(ApiId=api, StageName="$default")
        self.is_("throttling", stage["DefaultRouteSettings"]["ThrottlingRateLimit"], 100.0)
        self.has("access log", stage["AccessLogSettings"]["DestinationArn"])
        for name in set(expected.values()):
            policy = json.loads(boto3.client("lambda").get_policy(FunctionName=self.ids[name])["Policy"])
            allowed = [(each["Effect"], each["Action"], each["Principal"]["Service"]) for each in policy["Statement"]]
            gateway = ("Allow", "lambda:InvokeFunction", "apigateway.amazonaws.com")
            self.is_(f"who may call {name}", allowed, [gateway] * list(expected.values()).count(name))

    def functions(self):
        client, iam = boto3.client("lambda"), boto3.client("iam")
        for name, function in self.source.items():
            if function["Type"] != "AWS::Serverless::Function":
                continue
            found = client.get_function_configuration(FunctionName=self.ids[name])
            self.is_(f"runtime of {name}", (found["Runtime"], found["Handler"]), ("provided.al2023", "bootstrap"))
            self.is_(f"architecture of {name}", found["Architectures"], ["x86_64"])
            self.is_(f"tracing of {name}", found["TracingConfig"]["Mode"], "Active")
            properties = {**self.globals, **function["Properties"]}
            self.is_(f"size of {name}", (found["MemorySize"], found["Timeout"]), (properties["MemorySize"], properties["Timeout"]))
            if "ReservedConcurrentExecutions" in properties:
                reserved = client.get_function_concurrency(FunctionName=self.ids[name])["ReservedConcurrentExecutions"]
                _, wanted, _ = properties["ReservedConcurrentExecutions"]["Fn::If"]
                self.is_(f"concurrency of {name}", reserved, wanted)
            if "EventInvokeConfig" in properties:
                tries = client.get_function_event_invoke_config(FunctionName=self.ids[name])
                asked = {key: tries[key] for key in properties["EventInvokeConfig"]}
                self.is_(f"tries of {name}", asked, properties["EventInvokeConfig"])
            variables = found["Environment"]["Variables"]
            self.is_(f"table of {name}", variables["TABLE_NAME"], self.ids["Table"])
            self.is_(f"secret of {name}", variables["SECRET_ID"], self.ids["Secret"])
            role = found["Role"].rsplit("/", 1)[1]
            attached = {each["PolicyName"] for each in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]}
            # SAM takes another one for traces than the roles that are written here.
            traces = {"AWSXrayWriteOnlyAccess", "AWSXRayDaemonWriteAccess"}
            self.is_(f"managed policies of {name}", attached - traces, {"AWSLambdaBasicExecutionRole"})
            self.is_(f"traces of {name}", len(attached & traces), 1)
            own = iam.list_role_policies(RoleName=role)["PolicyNames"]
            needs = "Policies" in function["Properties"] or "Role" in function["Properties"]
            self.is_(f"own policies of {name}", len(own), int(needs))
            for policy in own:
                document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
                for statement in document["Statement"]:
                    resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
                    everywhere = statement["Action"] == "dynamodb:ListStreams"
                    self.is_(f"resources of {name}", all(each.startswith("arn:aws:") for each in resources), not everywhere)

    def streams(self):
        mappings = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        self.is_("readers of the stream", len(mappings), len(self.events("DynamoDB")))
        for mapping in mappings:
            name = mapping["FunctionArn"].rsplit(":", 1)[1]
            self.is_(f"answers of {name}", mapping["FunctionResponseTypes"], ["ReportBatchItemFailures"])
            self.is_(f"bisecting of {name}", mapping["BisectBatchOnFunctionError"], True)
            self.is_(f"retries of {name}", mapping["MaximumRetryAttempts"], 2)
            queue = boto3.client("sqs").get_queue_attributes(QueueUrl=self.ids["UndeliveredBatches"], AttributeNames=["QueueArn"])
            self.is_(f"notes of {name}", mapping["DestinationConfig"]["OnFailure"]["Destination"], queue["Attributes"]["QueueArn"])
            self.has(f"filter of {name}", mapping["FilterCriteria"]["Filters"])

    def schedules(self):
        client = boto3.client("scheduler")
        found = [client.get_schedule(Name=each["Name"]) for each in client.list_schedules()["Schedules"]]
        expected = sorted(event["Properties"]["ScheduleExpression"] for _, event in self.events("ScheduleV2"))
        self.is_("schedules", sorted(each["ScheduleExpression"] for each in found), expected)
        for each in found:
            self.is_(f"state of {each['Name']}", each["State"], "ENABLED")

    def alarms(self):
        client, sns = boto3.client("cloudwatch"), boto3.client("sns")
        alarms = client.describe_alarms()["MetricAlarms"]
        self.is_("alarms", len(alarms), self.of("AWS::CloudWatch::Alarm"))
        for alarm in alarms:
            self.is_(f"where {alarm['AlarmName']} goes", alarm["AlarmActions"], [self.outputs["AlarmTopicArn"]])
        subscriptions = sns.list_subscriptions_by_topic(TopicArn=self.outputs["AlarmTopicArn"])["Subscriptions"]
        self.is_("who is told", [each["Endpoint"] for each in subscriptions], [self.parameters["AlarmEmail"]])
        body = json.loads(client.get_dashboard(DashboardName=self.ids["Dashboard"])["DashboardBody"])
        self.has("widgets", body["widgets"])

    def of(self, kind):
        return sum(resource["Type"] == kind for resource in self.source.values())

    def events(self, kind):
        found = []
        for name, resource in self.source.items():
            for event in resource.get("Properties", {}).get("Events", {}).values():
                if event["Type"] == kind:
                    found.append((name, event))
        return found


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
