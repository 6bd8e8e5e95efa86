using System.Diagnostics;
using System.Net;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>A node that is short of memory refuses clients, says so, and accepts them again once the memory is free, also if nothing else happens.</summary>
public sealed class FullNodeTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int MiB = 1024 * 1024;
    private const int LimitMiB = 400;
    private const int Channels = 40;
    private const int MessagesOfEach = 24;
    private const int PayloadBytes = 512 * 1024;

    private static readonly HttpClient Http = new();

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task A_full_node_is_not_ready_serves_existing_clients_and_accepts_clients_within_seconds_after_its_memory_is_free()
    {
        await using var server = await StartAsync($"History:Recent:Bytes={16 * MiB}");
        await IsReadyAsync(server);
        await using var existing = await RawWebSocket.ConnectAsync(server.WebSocketAddress("/ws?channel=full.kept"));
        await using var another = await JsonClient.ConnectAsync(server.WebSocketAddress());
        var client = await FillAsync(server, existing);

        await Eventually.IsAsync(async () => await RefusalAsync(server) is not null, "the node refuses clients");
        (await RefusalAsync(server)).Should().Contain("503");
        (await GetAsync(server, "/healthz/ready")).Should().Match<(HttpStatusCode Status, string Text)>(static answer =>
            answer.Status == HttpStatusCode.ServiceUnavailable && answer.Text.Contains("(Limits:MemoryShare)", StringComparison.Ordinal));
        (await GetAsync(server, "/notifier.lua")).Status.Should().Be(HttpStatusCode.ServiceUnavailable);
        foreach (var path in new[] { "/healthz/live", "/stats", "/metrics" })
            (await GetAsync(server, path)).Status.Should().Be(HttpStatusCode.OK, path);

        await Redis.PublishAsync("full.kept", "hello");
        (await existing.ReadTextAsync()).Should().Be("hello", "existing connections keep working");
        server.Output.Should().Contain("Limits:MemoryShare");
        (await another.AskAsync("""{"type":"subscribe","channel":"full.new"}""")).ToJsonString().Should().Contain("overloaded").And.Contain("(Limits:MemoryShare)");
        await another.SubscribeAsync("channel", "full.kept");

        await client.DisposeAsync();
        var clock = Stopwatch.StartNew();
        await IsReadyAsync(server);
        (await RefusalAsync(server)).Should().BeNull();

        AbuseTable.Add("so much that the node uses `Limits:MemoryShare`", "new clients get 503 until seconds after the memory is free", $"{clock.Elapsed.TotalSeconds:0.0} s");
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(15));
    }

    [Fact]
    public async Task Garbage_does_not_make_a_node_full()
    {
        await using var server = await StartAsync($"History:Recent:Bytes={2 * MiB}");
        await IsReadyAsync(server);
        await using var existing = await RawWebSocket.ConnectAsync(server.WebSocketAddress("/ws?channel=full.kept"));
        await using var client = await FillAsync(server, existing);

        for (var n = 0; n < 20; n++)
        {
            (await RefusalAsync(server)).Should().BeNull();
            await RealTime.PassesAsync(TimeSpan.FromMilliseconds(100));
        }
    }

    private Task<ServerProcess> StartAsync(params string[] settings) => ServerProcess.StartAsync(
        Redis.Configuration, Listen.Plain,
        [
            FormattableString.Invariant($"Limits:MemoryShare={LimitMiB * (double)MiB / GC.GetGCMemoryInfo().TotalAvailableMemoryBytes:0.0000}"),
            $"History:Recent:NodeBytes={2048L * MiB}", "Redis:Linger=00:00:00", .. settings,
        ]);

    /// <summary>Publishes more than the node may have in memory, to a client that reads nothing, and no faster than the node reads from Redis.</summary>
    private async Task<RawWebSocket> FillAsync(ServerProcess server, RawWebSocket existing)
    {
        await existing.IsLiveAsync(Redis, "full.kept", "live");
        var names = Enumerable.Range(0, Channels).Select(static n => $"full.{n}").ToArray();
        var client = await RawWebSocket.ConnectAsync(server.WebSocketAddress("/ws?" + string.Join('&', names.Select(static name => $"channel={name}"))));
        await Eventually.IsAsync(async () => (await Task.WhenAll(names.Select(Redis.SubscribersAsync))).All(static count => count > 0), "the names are subscribed");
        var payload = new byte[PayloadBytes];
        for (var n = 0; n < MessagesOfEach; n++)
        {
            await Task.WhenAll(names.Select(name => Redis.PublishAsync(name, payload)));
            await Redis.PublishAsync("full.kept", $"{n}");
            (await existing.ReadPastAsync("live")).Should().Be($"{n}");
        }
        return client;
    }

    private static Task IsReadyAsync(ServerProcess server) => Eventually.IsAsync(
        async () => (await GetAsync(server, "/healthz/ready")).Status == HttpStatusCode.OK, "the node is ready");

    private static async Task<(HttpStatusCode Status, string Text)> GetAsync(ServerProcess server, string path)
    {
        using var answer = await Http.GetAsync(new Uri(server.Address, path));
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <returns>The rejection, or null if the node accepts a WebSocket.</returns>
    private static async Task<string?> RefusalAsync(ServerProcess server)
    {
        try
        {
            await using var client = await RawWebSocket.ConnectAsync(server.WebSocketAddress());
            return null;
        }
        catch (InvalidOperationException error)
        {
            return error.Message;
        }
    }
}
