using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Operations;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Deployment;

/// <summary>The manifests match the program and each other. They were not tried in a cluster.</summary>
public sealed class KubernetesTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private static JsonNode Kustomization => Manifest("kustomization.yaml", "Kustomization");

    private static JsonNode Deployment => Manifest("deployment.yaml", "Deployment");

    private static JsonNode Pod => Deployment["spec"]!["template"]!["spec"]!;

    private static JsonNode Container => Pod["containers"]!.AsArray().Single()!;

    [Fact]
    public async Task Notifier_starts_with_the_settings_of_the_config_map_and_answers_both_probes()
    {
        var secret = Path.GetTempFileName();
        await File.WriteAllTextAsync(secret, fixture.Redis.Configuration);
        var settings = Deployed.AsSettings(Manifest("settings.yaml", "ConfigMap")["data"]!)
            .Select(setting => setting.StartsWith("Redis:ConfigurationFile=", StringComparison.Ordinal) ? $"Redis:ConfigurationFile={secret}" : setting);
        await using var app = await NotifierApp.StartAsync("", settings: ["environment=Production", .. settings, "Operations:DrainPeriod=00:00:00"]);
        using var http = new HttpClient();

        foreach (var probe in new[] { "livenessProbe", "readinessProbe" })
        {
            Text(Container[probe]!["httpGet"]!["port"]).Should().Be("http");
            var path = new Uri(app.Address, Text(Container[probe]!["httpGet"]!["path"]));
            await Eventually.IsAsync(async () => (await http.GetAsync(path)).StatusCode == HttpStatusCode.OK, $"{path} answers 200");
        }
        File.Delete(secret);
    }

    [Fact]
    public async Task Every_ingress_path_belongs_to_an_endpoint_and_backend_endpoints_are_left_out()
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        using var http = new HttpClient();
        var paths = Manifest("ingress.yaml", "Ingress")["spec"]!["rules"]![0]!["http"]!["paths"]!.AsArray();

        foreach (var path in paths)
        {
            var address = Text(path!["path"]) + (Text(path["pathType"]) == "Prefix" ? "/some.channel" : "");
            using var answer = await http.GetAsync(new Uri(app.Address, address), HttpCompletionOption.ResponseHeadersRead);
            answer.StatusCode.Should().NotBe(HttpStatusCode.MethodNotAllowed, address);
            if (answer.StatusCode == HttpStatusCode.NotFound)
                answer.Content.Headers.ContentType?.MediaType.Should().Be("application/problem+json", $"{address} is answered by its endpoint");
            Text(path["backend"]!["service"]!["name"]).Should().Be("notifier");
        }
        paths.Should().HaveCountGreaterThan(5);
        paths.Select(path => Text(path!["path"])).Should().NotContain(["/", "/publish", "/disconnect", "/metrics", "/stats"]);
    }

    [Fact]
    public void The_manifests_name_the_container_port_once_and_the_dockerfile_exposes_the_same_port()
    {
        Text(Container["ports"]![0]!["containerPort"]).Should().Be("8081");
        Text(Container["ports"]![0]!["name"]).Should().Be("http");
        var service = Manifest("service.yaml", "Service")["spec"]!;
        Text(service["ports"]![0]!["targetPort"]).Should().Be("http");
        Text(service["selector"]!["app.kubernetes.io/name"]).Should().Be("notifier");
        Deployed.Text("Dockerfile").Should().Contain("EXPOSE 8081").And.Contain("ASPNETCORE_HTTP_PORTS=8081");
    }

    [Fact]
    public async Task A_pod_has_enough_time_to_drain_before_it_is_killed()
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration, settings: [Setting("Operations:DrainPeriod")]);
        var drain = app.Services.GetRequiredService<IOptions<OperationsOptions>>().Value.DrainPeriod!.Value;

        var preStop = Number(Container["lifecycle"]!["preStop"]!["sleep"]!["seconds"]);
        Number(Pod["terminationGracePeriodSeconds"]).Should().BeGreaterThanOrEqualTo((int)(preStop + (drain + Shutdown.StopTimeout).TotalSeconds));
        preStop.Should().BeGreaterThan(Number(Container["readinessProbe"]!["periodSeconds"]) * Number(Container["readinessProbe"]!["failureThreshold"]));
    }

    [Fact]
    public void A_pod_runs_with_minimal_privileges()
    {
        Text(Pod["securityContext"]!["runAsNonRoot"]).Should().Be("true");
        Text(Pod["automountServiceAccountToken"]).Should().Be("false");
        var context = Container["securityContext"]!;
        Text(context["readOnlyRootFilesystem"]).Should().Be("true");
        Text(context["allowPrivilegeEscalation"]).Should().Be("false");
        Text(context["capabilities"]!["drop"]![0]).Should().Be("ALL");
        Deployed.Text("Dockerfile").Should().Contain("USER $APP_UID");
    }

    [Fact]
    public void The_manifests_reference_each_other_correctly_and_kustomize_lists_them_all()
    {
        var listed = Kustomization["resources"]!.AsArray().Select(Text);
        listed.Should().BeEquivalentTo(Directory.GetFiles(Deployed.Path("kubernetes")).Select(Path.GetFileName).Where(file => file != "kustomization.yaml"));
        Text(Kustomization["images"]![0]!["name"]).Should().Be(Text(Container["image"]));
        Text(Manifest("namespace.yaml", "Namespace")["metadata"]!["name"]).Should().Be(Text(Kustomization["namespace"]));
        Text(Container["envFrom"]![0]!["configMapRef"]!["name"]).Should().Be(Text(Manifest("settings.yaml", "ConfigMap")["metadata"]!["name"]));
        var scaler = Manifest("scaling.yaml", "HorizontalPodAutoscaler")["spec"]!;
        Text(scaler["scaleTargetRef"]!["name"]).Should().Be(Text(Deployment["metadata"]!["name"]));
        Number(scaler["minReplicas"]).Should().BeGreaterThan(1);
        Manifest("scaling.yaml", "PodDisruptionBudget")["spec"]!["selector"]!.ToJsonString().Should().Be(Deployment["spec"]!["selector"]!.ToJsonString());
        Deployment["spec"]!["template"]!["metadata"]!["labels"]!.ToJsonString().Should().Be(Deployment["spec"]!["selector"]!["matchLabels"]!.ToJsonString());
    }

    [Fact]
    public void The_redis_secret_is_read_from_the_path_where_it_is_mounted()
    {
        var mount = Container["volumeMounts"]!.AsArray().Single()!;
        Text(Manifest("settings.yaml", "ConfigMap")["data"]!["Redis__ConfigurationFile"]).Should().Be(Text(mount["mountPath"]) + "/redis");
        var volume = Pod["volumes"]!.AsArray().Single()!;
        Text(volume["name"]).Should().Be(Text(mount["name"]));
        Text(volume["secret"]!["secretName"]).Should().Be("notifier");
    }

    [Fact]
    public void The_connection_limit_of_a_pod_fits_into_its_memory_limit()
    {
        var connections = int.Parse(Setting("Limits:Connections").Split('=')[1], CultureInfo.InvariantCulture);
        Text(Container["resources"]!["limits"]!["memory"]).Should().Be("2Gi");
        // 7.6 KiB a socket (bench/RESULTS.md), the kernel's 4 KiB, and the node's message log.
        var needed = (connections * (7.6 + 4) * 1024) + new Notifier.History.RecentOptions().NodeBytes + (100 << 20);
        needed.Should().BeLessThan(new LimitsOptions().MemoryShare * 2 * (1L << 30));
    }

    private static string Setting(string key) => Deployed.AsSettings(Manifest("settings.yaml", "ConfigMap")["data"]!)
        .Single(setting => setting.StartsWith(key + "=", StringComparison.Ordinal));

    private static JsonNode Manifest(string file, string kind) =>
        Deployed.Yaml($"kubernetes/{file}").Single(document => (string?)document["kind"] == kind);

    private static string Text(JsonNode? value) => value!.ToString();

    private static int Number(JsonNode? value) => int.Parse(Text(value), CultureInfo.InvariantCulture);
}
