"""A CloudFormation emulator that knows every kind of resource of template.yaml.

moto makes what it knows and passes over the rest without a word. Here are the kinds that it lacks, each made by moto's own backend of
that service, so that the service's own API shows it. A kind that is still unknown ends the deployment.

    emulator.py PORT
"""

import json
import os
import sys

# SAM gives each function two of AWS's own policies.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

import moto.cloudformation.parsing as parsing
from moto.apigatewayv2.models import apigatewayv2_backends
from moto.cloudformation.models import ChangeSet
from moto.cloudwatch.models import Dimension, Metric, MetricDataQuery, MetricStat, cloudwatch_backends
from moto.dynamodb.models import dynamodb_backends
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends
from moto.s3.models import s3_backends
from moto.scheduler.models import scheduler_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends


class Made:
    """A resource that its service keeps; here is what CloudFormation needs to know of it."""

    KIND = ""

    def __init__(self, physical_id, **attributes):
        self.physical_id, self.attributes = physical_id, attributes

    @property
    def physical_resource_id(self):
        return self.physical_id

    @classmethod
    def has_cfn_attr(cls, attr):
        return True

    def get_cfn_attribute(self, name):
        return self.attributes[name]

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        return cls.make(resource_name, cloudformation_json["Properties"], account_id, region_name)


def number(value):
    return None if value is None else float(value)


class Secret(Made):
    KIND = "AWS::SecretsManager::Secret"

    @classmethod
    def make(cls, name, properties, account, region):
        backend = secretsmanager_backends[account][region]
        generated = properties["GenerateSecretString"]
        password = json.loads(backend.get_random_password(
            int(generated.get("PasswordLength", 32)), "", False, generated.get("ExcludePunctuation") in (True, "true"),
            False, False, False, True))["RandomPassword"]
        text = json.dumps({**json.loads(generated["SecretStringTemplate"]), generated["GenerateStringKey"]: password})
        answer = json.loads(backend.create_secret(
            name=name, secret_string=text, secret_binary=None, description=properties.get("Description"), tags=[],
            kms_key_id=properties.get("KmsKeyId"), client_request_token=None, replica_regions=[], force_overwrite=False))
        return cls(answer["ARN"], Id=answer["ARN"])


class Api(Made):
    KIND = "AWS::ApiGatewayV2::Api"

    @classmethod
    def make(cls, name, properties, account, region):
        backend = apigatewayv2_backends[account][region]
        body = properties["Body"]
        api = backend.create_api(
            "", properties.get("CorsConfiguration"), properties.get("Description") or body["info"].get("description", ""), False, False,
            body["info"]["title"], "HTTP", "$request.method $request.path", {}, body["info"].get("version", "1"))
        for path, methods in body["paths"].items():
            for method, operation in methods.items():
                target = operation["x-amazon-apigateway-integration"]
                integration = backend.create_integration(
                    api_id=api.api_id, connection_id=None, connection_type=None, content_handling_strategy=None, credentials_arn=None,
                    description="", integration_method=target["httpMethod"], integration_subtype=None,
                    integration_type=target["type"].upper(), integration_uri=target["uri"], passthrough_behavior=None,
                    payload_format_version=target["payloadFormatVersion"], request_parameters=None, request_templates=None,
                    response_parameters=None, template_selection_expression=None, timeout_in_millis=None, tls_config=None)
                backend.create_route(
                    api_id=api.api_id, api_key_required=False, authorization_scopes=[], authorization_type="NONE", authorizer_id=None,
                    model_selection_expression=None, operation_name=None, request_models=None, request_parameters=None,
                    route_key=f"{method.upper()} {path}", route_response_selection_expression=None,
                    target=f"integrations/{integration['integrationId'] if isinstance(integration, dict) else integration.id}")
        return cls(api.api_id, ApiId=api.api_id, ApiEndpoint=api.api_endpoint)


class Stage(Made):
    KIND = "AWS::ApiGatewayV2::Stage"

    @classmethod
    def make(cls, name, properties, account, region):
        config = {key[0].lower() + key[1:]: value for key, value in properties.items()}
        config["accessLogSettings"] = {k[0].lower() + k[1:]: v for k, v in properties.get("AccessLogSettings", {}).items()}
        config["defaultRouteSettings"] = {k[0].lower() + k[1:]: v for k, v in properties.get("DefaultRouteSettings", {}).items()}
        apigatewayv2_backends[account][region].create_stage(properties["ApiId"], config)
        return cls(properties["StageName"])


class Schedule(Made):
    KIND = "AWS::Scheduler::Schedule"

    @classmethod
    def make(cls, name, properties, account, region):
        name = properties.get("Name", name)[:64]
        scheduler_backends[account][region].create_schedule(
            description="", end_date=None, flexible_time_window=properties["FlexibleTimeWindow"], group_name=None, kms_key_arn=None,
            name=name, schedule_expression=properties["ScheduleExpression"], schedule_expression_timezone=None, start_date=None,
            state=properties.get("State", "ENABLED"), target=properties["Target"], action_after_completion=None)
        return cls(name, Arn=f"arn:aws:scheduler:{region}:{account}:schedule/default/{name}")


class Alarm(Made):
    KIND = "AWS::CloudWatch::Alarm"

    @classmethod
    def make(cls, name, properties, account, region):
        def dimensions(of):
            return [Dimension(each["Name"], each["Value"]) for each in of.get("Dimensions", [])]

        def query(of):
            stat = of.get("MetricStat")
            if stat:
                metric = stat["Metric"]
                stat = MetricStat(Metric(metric["MetricName"], metric["Namespace"], dimensions(metric)), stat["Period"], stat["Stat"], None)
            return MetricDataQuery(of["Id"], of.get("Label", ""), of.get("Period"), of.get("ReturnData", True), of.get("Expression"), stat)

        cloudwatch_backends[account][region].put_metric_alarm(
            name=name, namespace=properties.get("Namespace"), metric_name=properties.get("MetricName"),
            comparison_operator=properties["ComparisonOperator"], evaluation_periods=int(properties["EvaluationPeriods"]),
            period=properties.get("Period"), threshold=number(properties["Threshold"]), statistic=properties.get("Statistic"),
            description=properties.get("AlarmDescription"),
            dimensions=properties.get("Dimensions", []),
            alarm_actions=properties.get("AlarmActions", []), ok_actions=properties.get("OKActions", []),
            metric_data_queries=[query(each) for each in properties.get("Metrics", [])] or None,
            datapoints_to_alarm=properties.get("DatapointsToAlarm"), treat_missing_data=properties.get("TreatMissingData"))
        return cls(name, Arn=f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}")


class MetricFilter(Made):
    KIND = "AWS::Logs::MetricFilter"

    @classmethod
    def make(cls, name, properties, account, region):
        transformations = [{key[0].lower() + key[1:]: value for key, value in each.items()} for each in properties["MetricTransformations"]]
        logs_backends[account][region].put_metric_filter(name, properties["FilterPattern"], properties["LogGroupName"], transformations)
        return cls(name)


class Subscription(Made):
    KIND = "AWS::SNS::Subscription"

    @classmethod
    def make(cls, name, properties, account, region):
        answer = sns_backends[account][region].subscribe(properties["TopicArn"], properties["Endpoint"], properties["Protocol"])
        return cls(answer.arn)


class BucketPolicy(Made):
    KIND = "AWS::S3::BucketPolicy"

    @classmethod
    def make(cls, name, properties, account, region):
        s3_backends[account]["aws"].put_bucket_policy(properties["Bucket"], json.dumps(properties["PolicyDocument"]).encode())
        return cls(properties["Bucket"])


class EventInvokeConfig(Made):
    KIND = "AWS::Lambda::EventInvokeConfig"

    @classmethod
    def make(cls, name, properties, account, region):
        # moto's Lambda keeps it under the function; its own API shows it there.
        from moto.awslambda.models import lambda_backends

        backend = lambda_backends[account][region]
        config = {key: properties[key] for key in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds") if key in properties}
        backend.put_function_event_invoke_config(properties["FunctionName"], config)
        return cls(f"{properties['FunctionName']}|{properties['Qualifier']}")


def whole(kind_name, complete):
    """A kind that moto makes without some of its properties: they are added by the same service."""

    def make(cls, name, properties, account, region):
        model = parsing.get_model_map()[kind_name]
        resource = model.create_from_cloudformation_json(name, {"Properties": properties}, account, region)
        complete(resource, properties, account, region)
        return resource

    type(kind_name, (Made,), {"KIND": kind_name, "make": classmethod(make)})


def complete_table(table, properties, account, region):
    backend = dynamodb_backends[account][region]
    sse = properties["SSESpecification"]
    table.sse_specification = {"Enabled": sse["SSEEnabled"], **{key: sse[key] for key in ("SSEType", "KMSMasterKeyId") if key in sse}}
    backend.update_continuous_backups(table.name, properties["PointInTimeRecoverySpecification"])
    backend.update_time_to_live(table.name, properties["TimeToLiveSpecification"])


def complete_bucket(bucket, properties, account, region):
    backend = s3_backends[account]["aws"]
    backend.put_public_access_block(bucket.name, properties["PublicAccessBlockConfiguration"])
    rules = [
        {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")},
         **({"Expiration": {"Days": rule["ExpirationInDays"]}} if "ExpirationInDays" in rule else {}),
         **{key: rule[key] for key in ("AbortIncompleteMultipartUpload",) if key in rule}}
        for rule in properties["LifecycleConfiguration"]["Rules"]]
    backend.put_bucket_lifecycle_configuration(bucket.name, rules)
    # One value or many, as S3's XML is read.
    keys = {"AllowedOrigins": "AllowedOrigin", "AllowedMethods": "AllowedMethod", "AllowedHeaders": "AllowedHeader"}
    cors = [{**{one: rule[many] for many, one in keys.items()}, "MaxAgeSeconds": str(rule["MaxAge"])}
            for rule in properties["CorsConfiguration"]["CorsRules"]]
    backend.put_bucket_cors(bucket.name, cors)


def complete_function(function, properties, account, region):
    function.tracing_config = properties["TracingConfig"]
    function.architectures = properties["Architectures"]


def complete_key(key, properties, account, region):
    key.policy = json.dumps(properties["KeyPolicy"])


def complete_role(role, properties, account, region):
    for arn in properties.get("ManagedPolicyArns", []):
        iam_backends[account]["aws"].attach_role_policy(arn, role.name)
    for policy in properties.get("Policies", []):
        role.put_policy(policy["PolicyName"], json.dumps(policy["PolicyDocument"]))


whole("AWS::DynamoDB::Table", complete_table)
whole("AWS::IAM::Role", complete_role)
whole("AWS::KMS::Key", complete_key)
whole("AWS::S3::Bucket", complete_bucket)
whole("AWS::Lambda::Function", complete_function)

KNOWN = {kind.KIND: kind for kind in Made.__subclasses__()}


def strict(resource_type):
    """No resource is passed over."""
    known = KNOWN.get(resource_type) or parsing.get_model_map().get(resource_type)
    if not known:
        raise RuntimeError(f"the emulator does not know {resource_type}: add it to tests/sam/emulator.py")
    return known


def with_outputs(apply):
    """Of a stack that is made by a change set, as `sam deploy` does, moto forgets the outputs."""

    def applied(change_set):
        apply(change_set)
        stack = change_set.stack
        stack.output_map = parsing.OutputMap(stack.resource_map, change_set.template_dict, stack.stack_id)

    return applied


if __name__ == "__main__":
    ChangeSet.apply = with_outputs(ChangeSet.apply)
    parsing.resource_class_from_type = strict
    from moto.server import main

    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
