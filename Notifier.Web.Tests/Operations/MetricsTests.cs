using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.Connections;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>
/// The metrics that Prometheus scrapes. The test starts its own process, because all applications in one process share their counters.
/// </summary>
public sealed partial class MetricsTests
{
    private const string Key = "the operator's key of the tests";

    [Fact]
    public async Task Messages_deliveries_and_connections_are_counted_on_the_way_from_redis_to_a_browser()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var program = await StartAsync(redis);
        var server = program.Address();
        await using (var one = await ConnectAsync(redis, server, "counted", subscribers: 1))
        await using (var two = await ConnectAsync(redis, server, "counted", subscribers: 2))
        {
            for (var n = 0; n < 3; n++)
                await redis.PublishAsync("counted", "12345");
            foreach (var client in new[] { one, two })
            {
                for (var n = 0; n < 3; n++)
                    await client.ReadTextAsync();
            }

            await Scrape.ShowsAsync(server, "notifier_messages_total", 3);
            await Scrape.ShowsAsync(server, "notifier_deliveries_total", 6, "notifier_connection_transport=\"websocket\"");
            var now = await Scrape.OfAsync(server);
            now.Sum("notifier_delivery_io_bytes_total", "notifier_connection_transport=\"websocket\"").Should().BeInRange(6 * (2 + 5), (6 * (2 + 5)) + 8, "pings count too");
            now.Sum("notifier_message_io_bytes_total").Should().Be(15);
            now.Sum("notifier_connection_count", "notifier_connection_transport=\"websocket\"").Should().Be(2);
            now.Sum("notifier_name_count").Should().Be(1);
            now.Sum("notifier_subscriber_count").Should().Be(2);
            now.Sum("notifier_subscriber_behind").Should().Be(0);
            now.Sum("notifier_log_usage_bytes").Should().BeGreaterThan(15);
            now.Sum("notifier_pass_messages_sum").Should().Be(3);
            now.Sum("notifier_pass_duration_seconds_count").Should().Be(now.Sum("notifier_pass_messages_count"));
            now.Sum("notifier_redis_status", "notifier_redis_state=\"up\"").Should().Be(1);
            now.Sum("notifier_redis_probe_duration_seconds_count").Should().BeGreaterThan(0);
            await one.SendCloseAsync(1000);
            await two.SendTextAsync("__refused");
            (await two.ReadUntilCloseAsync()).CloseCode.Should().Be(4403);
        }
        await Scrape.ShowsAsync(server, "notifier_connection_count", 0);
        var after = await Scrape.OfAsync(server);
        after.Sum("notifier_connection_opens_total").Should().Be(2);
        after.Sum("notifier_connection_closes_total").Should().Be(2);
        after.Sum("notifier_connection_closes_total", "notifier_close_code=\"1000\"").Should().Be(1);
        after.Sum("notifier_connection_closes_total", "notifier_close_code=\"4403\"").Should().Be(1);
        after.Sum("notifier_name_refusals_total").Should().Be(1);
        after.Sum("notifier_deliveries_total").Should().Be(6, "deliveries to closed connections still count");
    }

    [Fact]
    public async Task A_full_node_counts_rejected_handshakes_and_a_lost_redis_counts_as_a_reconnect_and_a_gap()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var program = await StartAsync(redis, "Limits:Connections=1");
        var server = program.Address();
        await using var client = await ConnectAsync(redis, server, "lost", subscribers: 1);
        using var http = new HttpClient();
        await http.GetAsync(new Uri(server, "/events?channel=other"));
        await Scrape.ShowsAsync(server, "notifier_handshake_refusals_total", 1, "error_type=\"connections\"");

        await redis.KillAsync();
        await Scrape.ShowsAsync(server, "notifier_redis_status", 1, "notifier_redis_state=\"away\"");
        await redis.StartHostAsync();

        await Scrape.ShowsAsync(server, "notifier_redis_status", 1, "notifier_redis_state=\"up\"");
        await Scrape.ShowsAsync(server, "notifier_redis_reconnects_total", 1, "notifier_redis_reconnect_reason=\"lost\"");
        await Scrape.ShowsAsync(server, "notifier_gaps_total", 1, "notifier_gap_code=\"redis\"");
    }

    [Fact]
    public async Task The_dashboard_uses_only_metrics_that_exist()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var program = await StartAsync(redis);
        var server = program.Address();
        using var http = await HaveEverythingCountedAsync(redis, server);
        var dashboard = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "grafana", "notifier.json")))!;
        var queries = dashboard["panels"]!.AsArray().SelectMany(static panel => panel!["targets"]?.AsArray() ?? []).Select(static target => (string)target!["expr"]!)
            .Append((string)dashboard["templating"]!["list"]![1]!["query"]!).ToList();
        var used = queries.SelectMany(static query => MetricName().Matches(query)).Select(static match => match.Value).Distinct().ToList();
        var labels = queries.SelectMany(static query => GroupedBy().Matches(query)).SelectMany(static match => match.Groups[1].Value.Split(", ")).Distinct();

        await Eventually.IsAsync(async () => !used.Except((await Scrape.OfAsync(server)).Names).Any(), $"every used metric exists: {string.Join(", ", used)}");
        var text = await http.GetStringAsync(new Uri(server, "/metrics"));
        used.Should().HaveCountGreaterThan(25);
        labels.Where(label => label is not ("le" or "instance")).Should().OnlyContain(label => text.Contains(label + "=", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_operations_page_lists_all_existing_metrics_and_no_others()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var program = await StartAsync(redis);
        using var http = await HaveEverythingCountedAsync(redis, program.Address());
        var listed = await ListedAsync();

        var text = await http.GetStringAsync(new Uri(program.Address(), "/metrics"));

        var shown = text.Split('\n').Where(static line => line.StartsWith("# TYPE notifier_", StringComparison.Ordinal)).Select(static line => line.Split(' ')[2]);
        shown.Should().BeEquivalentTo(listed, "docs/operations.md, \"Metrics\", has a row for each metric and for no other");
    }

    [Fact]
    public async Task The_page_for_operators_lists_each_reason_for_which_a_handshake_is_rejected()
    {
        var page = await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "docs", "operations.md"));
        var row = page.Single(static line => line.StartsWith("| `notifier_handshake_refusals_total` ", StringComparison.Ordinal));

        var listed = ListedReason().Matches(row.Split('|')[3]).Select(static match => match.Groups[1].Value);

        listed.Should().BeEquivalentTo(AdmissionReasons.Names);
    }

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/stats")]
    public async Task Metrics_and_stats_exist_in_production_only_on_the_operator_port_or_without_one_for_a_key(string path)
    {
        await using var redis = await RedisServer.StartAsync();
        var port = FreePort.Next();
        var @public = FreePort.Next();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings:
        [
            "environment=Production", $"urls=http://127.0.0.1:{@public};http://127.0.0.1:{port}", $"Access:OperatorPort={port}",
            "Access:ApiKeys:0:Name=operator", $"Access:ApiKeys:0:Secret={Key}",
        ]);

        await using var without = await NotifierApp.StartAsync(
            redis.Configuration, settings: ["environment=Production", "Access:ApiKeys:0:Name=operator", $"Access:ApiKeys:0:Secret={Key}"]);
        var address = new Uri(without.Address, path).ToString();

        (await GetAsync($"http://127.0.0.1:{@public}{path}", ("X-Api-Key", Key))).Should().Be(HttpStatusCode.NotFound);
        (await GetAsync($"http://127.0.0.1:{port}{path}")).Should().Be(HttpStatusCode.OK);
        (await GetAsync(address)).Should().Be(HttpStatusCode.Unauthorized);
        (await GetAsync(address, ("X-Api-Key", "another one of those"))).Should().Be(HttpStatusCode.Unauthorized);
        (await GetAsync(address, ("X-Api-Key", Key))).Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/stats")]
    public async Task Metrics_and_stats_are_open_in_development_only_to_direct_requests_with_a_local_host_name(string path)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        var address = new Uri(app.Address, path).ToString();

        (await GetAsync(address)).Should().Be(HttpStatusCode.OK);
        (await GetAsync(address, ("Host", "localhost"))).Should().Be(HttpStatusCode.OK);
        (await GetAsync(address, ("X-Forwarded-For", "203.0.113.5"))).Should().Be(HttpStatusCode.Unauthorized);
        (await GetAsync(address, ("Host", "rebound.example"))).Should().Be(HttpStatusCode.Unauthorized);
    }

    /// <summary>The metrics that the page for operators lists.</summary>
    internal static async Task<List<string>> ListedAsync()
    {
        var page = await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "docs", "operations.md"));
        return [.. page.Where(static line => line.StartsWith("| `notifier_", StringComparison.Ordinal))
            .SelectMany(static line => ListedName().Matches(line.Split('|')[1])).Select(static match => match.Value)];
    }

    /// <summary>Makes every metric appear. Prometheus shows a histogram only after its first value.</summary>
    private static async Task<HttpClient> HaveEverythingCountedAsync(RedisServer redis, Uri server)
    {
        await using var client = await ConnectAsync(redis, server, "everything", subscribers: 1);
        var http = new HttpClient();
        (await http.PostAsync(new Uri(server, "/publish/everything"), new StringContent("hello"))).StatusCode.Should().Be(HttpStatusCode.OK);
        await client.ReadTextAsync();
        await Scrape.ShowsAsync(server, "notifier_delivery_latency_seconds_count", 1);
        await Eventually.IsAsync(async () => (await Scrape.OfAsync(server)).Sum("notifier_redis_probe_duration_seconds_count") > 0, "a probe has returned");
        return http;
    }

    private static async Task<NotifierProcess> StartAsync(RedisServer redis, params string[] settings)
    {
        var program = NotifierProcess.Start("Development", [$"Redis:Configuration={redis.Configuration}", .. settings]);
        await program.PrintsAsync("Try: ");
        return program;
    }

    /// <param name="subscribers">How many the node has then. Redis sees only the first of a name.</param>
    private static async Task<RawWebSocket> ConnectAsync(RedisServer redis, Uri server, string channel, int subscribers)
    {
        var client = await RawWebSocket.ConnectAsync(new UriBuilder(new Uri(server, "/ws")) { Scheme = "ws" }.Uri);
        await client.SendTextAsync(channel);
        await Eventually.IsAsync(async () => await redis.SubscribersAsync(channel) == 1, "the channel is subscribed");
        await Scrape.ShowsAsync(server, "notifier_subscriber_count", subscribers);
        return client;
    }

    private static async Task<HttpStatusCode> GetAsync(string address, params (string Name, string Value)[] headers)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        foreach (var (name, value) in headers)
            request.Headers.Add(name, value);
        using var response = await http.SendAsync(request);
        return response.StatusCode;
    }

    [GeneratedRegex(@"\b(notifier|http|dotnet)_[a-z0-9_]+(?=\{)|(?<=label_values\()\w+")]
    private static partial Regex MetricName();

    [GeneratedRegex("notifier_[a-z_]+")]
    private static partial Regex ListedName();

    [GeneratedRegex("`([a-z_]+)`")]
    private static partial Regex ListedReason();

    [GeneratedRegex(@"by \(([^)]*)\)")]
    private static partial Regex GroupedBy();
}
