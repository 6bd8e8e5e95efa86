using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.Configuration;
using Notifier.Operations;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Deployment;

/// <summary>Checks of the image, compose.yaml and the systemd unit that need neither a Docker engine nor systemd.</summary>
public sealed class ContainerTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private static readonly JsonNode Compose = Deployed.Yaml("compose.yaml").Single();

    [Fact]
    public async Task The_health_check_of_the_image_passes_only_while_the_process_answers()
    {
        await using var server = await ServerProcess.StartAsync(fixture.Redis.Configuration, Listen.Plain);

        (await CheckAsync(server.Address.Port)).Should().Be(0);
        (await CheckAsync(fixture.Redis.Port)).Should().NotBe(0, "Redis does not speak HTTP");
        server.Terminate();
        await server.WaitForExitAsync(Eventually.Limit);
        (await CheckAsync(server.Address.Port)).Should().NotBe(0);
    }

    [Fact]
    public void The_image_is_built_from_existing_files_and_its_context_excludes_all_others()
    {
        var dockerfile = Deployed.Text("Dockerfile");
        dockerfile.Should().Contain("-p:EmbeddedRedis=false").And.Contain("USER $APP_UID").And.Contain("""ENTRYPOINT ["./Notifier.Web"]""");
        dockerfile.Should().Contain("packages.*lock.json").And.Contain("CI=true", "it makes the lock file binding");
        File.Exists(Path.Combine(AppContext.BaseDirectory, "Notifier.Web")).Should().BeTrue();
        var allowed = Regex.Matches(Deployed.Text("dockerignore"), "^!(.+)$", RegexOptions.Multiline).Select(match => match.Groups[1].Value);
        allowed.Should().BeEquivalentTo(
            "Directory.Build.props", "Directory.Packages.props", "global.json", "appsettings.json", "Notifier.Web", "wwwroot-demo");
    }

    [Theory]
    [InlineData("notifier-1")]
    [InlineData("notifier-2")]
    public async Task Each_compose_node_starts_with_its_settings_and_delivers_messages(string name)
    {
        var node = Service(name);
        var settings = Deployed.AsSettings(node["environment"]!)
            .Select(setting => setting == "Redis:Configuration=redis:6379" ? $"Redis:Configuration={fixture.Redis.Configuration}" : setting).ToArray();
        await using var app = await NotifierApp.StartAsync("", settings: ["environment=Production", .. settings, "Operations:DrainPeriod=00:00:00"]);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?pattern=notifications.*"));
        await Eventually.IsAsync(async () => await fixture.Redis.PatternsAsync() > 0, "the pattern is subscribed");
        await fixture.Redis.PublishAsync("notifications.compose", name);

        (await client.ReadTextAsync()).Should().Be(name);
        Text(node["read_only"]).Should().Be("true");
        Text(node["cap_drop"]![0]).Should().Be("ALL");
        Text(node["build"]!["dockerfile"]).Should().Be("deploy/Dockerfile");
        settings.Should().Contain("Redis:Configuration=" + fixture.Redis.Configuration);
        settings.Single(setting => setting.StartsWith("ForwardedHeaders:", StringComparison.Ordinal))
            .Should().EndWith("=" + Text(Compose["networks"]!["inside"]!["ipam"]!["config"]![0]!["subnet"]));
    }

    /// <summary>The command of the proxy removes what a single machine does not have: certificates, and the redirect to https.</summary>
    [Fact]
    public async Task The_compose_proxy_forwards_to_the_compose_nodes()
    {
        var command = Text(Service("proxy")["command"]![2]).Split(" > ")[0].Replace("/etc/nginx/notifier.conf", Deployed.Path("proxies/nginx.conf"), StringComparison.Ordinal);
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { RedirectStandardOutput = true })!;
        var site = await shell.StandardOutput.ReadToEndAsync().WaitAsync(Eventually.Limit);
        var servers = Regex.Matches(site, @"^ *server (\S+):8081", RegexOptions.Multiline).Select(match => match.Groups[1].Value);
        servers.Should().Equal("notifier-1", "notifier-2");
        Regex.Matches(site, "listen .*").Select(match => match.Value).Should().Equal("listen 80;");
        Regex.Count(site, "^server {", RegexOptions.Multiline).Should().Be(1);
        site.Should().NotContain("ssl").And.NotContain("return 301");
        Compose["services"]!.AsObject().Select(service => service.Key).Should().Contain(servers);
        Text(Service("proxy")["volumes"]![0]).Should().StartWith("./proxies/nginx.conf:");
        foreach (var node in servers)
            Text(Service("proxy")["depends_on"]![node]!["condition"]).Should().Be("service_healthy");
    }

    [Fact]
    public void Compose_and_systemd_give_the_process_time_to_drain_and_enough_file_descriptors()
    {
        var drain = TimeSpan.Parse(Text(Service("notifier-1")["environment"]!["Operations__DrainPeriod"]), CultureInfo.InvariantCulture);
        Seconds(Text(Service("notifier-1")["stop_grace_period"])).Should().BeGreaterThanOrEqualTo((int)(drain + Shutdown.StopTimeout).TotalSeconds);
        var unit = Deployed.Text("notifier.service");
        Seconds(Setting(unit, "TimeoutStopSec")).Should().BeGreaterThanOrEqualTo((int)(TimeSpan.FromSeconds(10) + Shutdown.StopTimeout).TotalSeconds);

        var connections = new LimitsOptions().Connections;
        int.Parse(Text(Service("notifier-1")["ulimits"]!["nofile"]), CultureInfo.InvariantCulture).Should().BeGreaterThan(connections);
        int.Parse(Setting(unit, "LimitNOFILE"), CultureInfo.InvariantCulture).Should().BeGreaterThan(connections);
        Setting(unit, "ExecStart").Should().EndWith("/Notifier.Web");
    }

    /// <summary>Runs the command of HEALTHCHECK against another port.</summary>
    private static async Task<int> CheckAsync(int port)
    {
        var line = Regex.Match(Deployed.Text("Dockerfile"), @"HEALTHCHECK [^\n]*\\\n\s*CMD (\[.*\])").Groups[1].Value;
        var command = JsonSerializer.Deserialize<string[]>(line)!;
        command[2].Should().Contain("/8081");
        var script = command[2].Replace("/8081", $"/{port}", StringComparison.Ordinal);
        using var check = Process.Start(new ProcessStartInfo(command[0], [command[1], script]) { RedirectStandardError = true })!;
        await check.WaitForExitAsync().WaitAsync(Eventually.Limit);
        return check.ExitCode;
    }

    private static JsonNode Service(string name) => Compose["services"]![name]!;

    private static string Text(JsonNode? value) => value!.ToString();

    private static string Setting(string unit, string key) => Regex.Match(unit, $"^{key}=(.*)$", RegexOptions.Multiline).Groups[1].Value;

    private static int Seconds(string text) => int.Parse(text.TrimEnd('s'), CultureInfo.InvariantCulture);
}
