using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Redis;

/// <summary>Redis was away and is back. Each affected client receives one gap for each name, and messages arrive again at once.</summary>
public sealed class RedisReconnectTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Every_subscriber_receives_exactly_one_gap_for_each_of_its_names_after_redis_reconnects()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: "Redis:Covers:0=user.*");
        (string Kind, string Name)[][] wanted =
        [
            [("channel", "return.a")], [("channel", "return.a")], [("pattern", "return.*")], [("channel", "user.1")], [("pattern", "user.1*")],
            [("channel", "return.a"), ("channel", "return.b"), ("pattern", "return.*")], [],
        ];
        var clients = new List<JsonClient>();
        foreach (var names in wanted)
        {
            var client = await JsonClient.ConnectAsync(app);
            clients.Add(client);
            foreach (var (kind, name) in names)
                await client.SubscribeAsync(kind, name);
        }
        using var stream = await EventClient.ListenAsync(app, "?channel=return.a");

        await redis.KillAsync();
        await Eventually.IsAsync(() => app.Log.Says("Redis does not answer"), "Notifier has noticed");
        await redis.StartHostAsync();
        await Eventually.IsAsync(() => app.Log.Says("Redis is back"), "Redis is back");

        foreach (var (client, names) in clients.Zip(wanted))
        {
            var gaps = new List<string>();
            foreach (var _ in names)
                gaps.Add((await client.ReadAsync()).Bare());
            gaps.Should().BeEquivalentTo(names.Select(name => $$"""{"type":"gap","{{name.Kind}}":"{{name.Name}}","code":"redis"}"""));
        }
        (await stream.NextAsync()).Bare().Should().Be("""{"type":"gap","channel":"return.a","code":"redis"}""");

        // The next frame is a message, not a second gap.
        foreach (var channel in new[] { "return.a", "user.1" })
            await Eventually.IsAsync(async () => await redis.PublishAsync(channel, "back") >= 1, "the name is subscribed again");
        foreach (var (client, names) in clients.Zip(wanted))
        {
            if (names.Length > 0)
                ((string?)(await client.ReadAsync())["data"]).Should().Be("back");
            else
                (await client.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
        }
        ((string?)(await stream.NextAsync())["data"]).Should().Be("back");
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    /// <summary>The best of three attempts counts, because other work on the machine disturbs the measurement.</summary>
    [Fact]
    public async Task Messages_are_delivered_again_within_half_a_second_after_redis_accepts_connections()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "return.soon");
        var took = new List<TimeSpan>();
        for (var time = 1; time <= 3; time++)
        {
            await redis.KillAsync();
            await Eventually.IsAsync(() => Count(app, "Redis does not answer") >= time, "Notifier has noticed");

            var starting = redis.StartHostAsync();
            await using var publisher = await WhenItAcceptsAsync(redis.Port);
            var since = Stopwatch.StartNew();
            await Eventually.IsAsync(async () => await publisher.AskAsync("PUBLISH", "return.soon", $"{time}") == "1", "the name is subscribed again");
            JsonObject said;
            do
                said = await client.ReadAsync();
            while ((string?)said["type"] == "gap");
            took.Add(since.Elapsed);
            ((string?)said["data"]).Should().Be($"{time}");
            await starting;
            await Eventually.IsAsync(() => Count(app, "Redis is back") >= time, "Notifier logs the return");
        }

        output.WriteLine($"Delivered again after {string.Join(", ", took.Select(one => $"{one.TotalMilliseconds:0} ms"))}.");
        took.Min().Should().BeLessThan(TimeSpan.FromSeconds(0.5));
    }

    private static int Count(NotifierApp app, string text) => app.Log.Lines.Count(line => line.Text.Contains(text, StringComparison.Ordinal));

    [Fact]
    public async Task A_redis_that_loads_its_data_is_reported_once_and_the_node_is_unready_until_it_has_finished()
    {
        // It loads for 7 s: a probe, which is sent every 5 s, succeeds meanwhile.
        const int Keys = 3_500;
        var file = $"notifier-{Guid.NewGuid():N}.rdb";
        // Redis loads each key in 2 ms, and serves its clients meanwhile, as it does with more data.
        await using var redis = await RedisServer.StartAsync(
            "--dir", "/tmp", "--dbfilename", file, "--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024");
        try
        {
            await using var app = await NotifierApp.StartAsync(redis.Configuration);
            await using var client = await JsonClient.ConnectAsync(app);
            await client.SubscribeAsync("channel", "return.loading");
            await redis.Server.ExecuteAsync("EVAL", $"for n = 1, {Keys} do redis.call('SET', n, string.rep('x', 100)) end", "0");
            await redis.Server.ExecuteAsync("SAVE");
            using var http = new HttpClient();
            await Eventually.IsAsync(async () => await ReadinessAsync(http, app) == "Healthy\n", "the node is ready");

            await redis.KillAsync();
            var starting = redis.StartHostAsync();
            await Eventually.IsAsync(() => app.Log.Says("Redis says: LOADING"), "Notifier logs it");
            (await ReadinessAsync(http, app)).Should().Be("Unhealthy: Redis answers with an error (the log says which)\n");
            await using (var publisher = await PlainRedisClient.ConnectAsync(redis.Port))
                await Eventually.IsAsync(async () => await publisher.AskAsync("PUBLISH", "return.loading", "meanwhile") == "1", "Redis delivers messages while it loads");
            starting.IsCompleted.Should().BeFalse("Redis is still loading");
            await starting;

            string[] said = [(await client.ReadAsync()).Bare(), (await client.ReadAsync()).Bare()];
            said.Should().BeEquivalentTo(
                """{"type":"gap","channel":"return.loading","code":"redis"}""", """{"type":"message","channel":"return.loading","data":"meanwhile"}""");
            await Eventually.IsAsync(async () => await ReadinessAsync(http, app) == "Healthy\n", "the node is ready again");
            app.Log.Lines.Count(line => line.Text.Contains("LOADING", StringComparison.Ordinal)).Should().Be(1);
            app.Hub.CountSubscribers(Name.Channel("return.loading")).Should().Be(1);
        }
        finally
        {
            File.Delete(Path.Combine("/tmp", file));
        }
    }

    /// <summary>Connects again and again until Redis accepts, because Redis does not notify anybody.</summary>
    private static async Task<PlainRedisClient> WhenItAcceptsAsync(int port)
    {
        PlainRedisClient? client = null;
        await Eventually.IsAsync(
            async () =>
            {
                try
                {
                    client = await PlainRedisClient.ConnectAsync(port);
                    return true;
                }
                catch (SocketException)
                {
                    return false;
                }
            },
            "Redis accepts connections");
        return client!;
    }

    private static Task<string> ReadinessAsync(HttpClient http, NotifierApp app) => TextAsync(http, new Uri(app.Address, "/healthz/ready"));

    private static async Task<string> TextAsync(HttpClient http, Uri address)
    {
        using var answer = await http.GetAsync(address);
        return await answer.Content.ReadAsStringAsync();
    }
}
