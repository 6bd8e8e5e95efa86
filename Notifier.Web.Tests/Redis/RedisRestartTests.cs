using System.Diagnostics;
using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Redis;

/// <summary>Redis goes away and returns while browsers stay connected.</summary>
public sealed class RedisRestartTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Clients_stay_connected_and_receive_messages_again_after_redis_is_killed_under_load()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        using var gaps = new GapCount(app);
        string[] names = ["load.a", "load.b", "load.*", "quiet"];
        var clients = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => RawWebSocket.SubscribeAsync(app, names[i % 4])));
        await Eventually.IsAsync(async () => (await redis.ChannelsAsync()).Length == 3 && await redis.PatternsAsync() == 1, "all names are subscribed");
        var load = LoadAsync(redis.Port);
        foreach (var client in clients.Where((_, i) => i % 4 != 3))
            (await client.ReadTextAsync()).Should().Be("load");

        await redis.KillAsync();
        await load;
        await Eventually.IsAsync(() => app.Log.Says("Redis does not answer"), "Notifier has noticed");
        await redis.StartHostAsync();
        var resumes = Stopwatch.StartNew();
        await Eventually.IsAsync(
            async () => (await Task.WhenAll(names.Select(name => redis.PublishAsync(name.Replace('*', 'a'), "back")))).SequenceEqual([2, 2, 2, 1]),
            "all names are subscribed again", TimeSpan.FromSeconds(5));
        foreach (var client in clients)
            (await client.ReadPastAsync("load")).Should().Be("back");

        output.WriteLine($"Delivery was back {resumes.Elapsed.TotalMilliseconds:0} ms after Redis.");
        await Eventually.IsAsync(() => gaps.Redis == 4, "Notifier counts a gap for each name");
        await Eventually.IsAsync(() => app.Log.Says("Redis reconnected: messages may have been lost in 4 subscribed names"), "the log says so, a moment later");
        app.Log.Lines.Count(line => line.Text.Contains("Redis does not answer", StringComparison.Ordinal)).Should().Be(1);
        app.Log.Lines.Count(line => line.Text.Contains("Redis is back", StringComparison.Ordinal)).Should().Be(1);
        app.Connections.Count.Should().Be(40);
        await clients.DisposeAllAsync();
    }

    [Fact]
    public async Task The_process_starts_without_redis_logs_that_once_and_delivers_when_redis_starts()
    {
        await using var redis = await RedisServer.CreateAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var channel = await RawWebSocket.SubscribeAsync(app, "early");
        await using var pattern = await RawWebSocket.SubscribeAsync(app, "ear*");
        await Eventually.IsAsync(() => app.Log.Says("Redis does not answer"), "Notifier logs it");
        (await channel.DrainAsync()).Should().BeEmpty("the sockets stay open meanwhile");

        await redis.StartHostAsync();
        await Eventually.IsAsync(async () => await redis.PublishAsync("early", "first") == 2, "both names are subscribed", TimeSpan.FromSeconds(5));

        foreach (var client in new[] { channel, pattern })
            (await client.ReadTextAsync()).Should().Be("first");
        app.Log.Lines.Count(line => line.Text.Contains("Redis does not answer", StringComparison.Ordinal)).Should().Be(1);
        await Eventually.IsAsync(() => app.Log.Says("Redis is back"), "Notifier logs the return");
        app.Log.Says("messages may have been lost").Should().BeFalse("no name was confirmed before");
    }

    [Fact]
    public async Task A_name_requested_while_redis_is_down_is_subscribed_later_and_delivers_each_message_once()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var before = await RawWebSocket.SubscribeAsync(app, "before");
        await Eventually.IsAsync(async () => await redis.SubscribersAsync("before") == 1, "the name is subscribed");
        await redis.KillAsync();
        await using var channel = await RawWebSocket.SubscribeAsync(app, "meanwhile");
        await using var pattern = await RawWebSocket.SubscribeAsync(app, "mean*");
        await Eventually.IsAsync(
            () => app.Hub.CountSubscribers(Name.Channel("meanwhile")) + app.Hub.CountSubscribers(Name.Pattern("mean*")) == 2 && app.Log.Says("Redis does not answer"),
            "both names have subscribers, and Redis is away");

        await redis.StartHostAsync();
        await Eventually.IsAsync(async () => await redis.SubscribersAsync("before") == 1, "the earlier name is subscribed again");
        await channel.IsLiveAsync(redis, "meanwhile");
        await pattern.IsLiveAsync(redis, "meanwhile");
        for (var i = 0; i < 3; i++)
            await redis.PublishAsync("meanwhile", $"{i}");
        await redis.PublishAsync("before", "once");

        foreach (var client in new[] { channel, pattern })
        {
            for (var i = 0; i < 3; i++)
                (await client.ReadPastAsync("")).Should().Be($"{i}");
            (await client.DrainAsync()).Should().BeEmpty();
        }
        (await before.ReadTextAsync()).Should().Be("once");
        (await before.DrainAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task A_thousand_names_are_subscribed_again_after_each_restart()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        using var gaps = new GapCount(app);
        var clients = await Clients.ConnectAsync(app, 8);
        for (var i = 0; i < 1000; i++)
            await clients[i % 8].SendTextAsync(i < 8 * 16 ? $"many.{i}.*" : $"many.{i}");
        for (var restart = 0; restart <= 3; restart++)
        {
            if (restart > 0)
            {
                await redis.KillAsync();
                await redis.StartHostAsync();
            }
            var since = Stopwatch.StartNew();
            await Eventually.IsAsync(async () => (await redis.ChannelsAsync()).Length == 872 && await redis.PatternsAsync() == 128, "all names are subscribed");
            output.WriteLine($"1,000 names after {since.Elapsed.TotalMilliseconds:0} ms.");
            await Eventually.IsAsync(() => gaps.Redis == restart * 1000, "Notifier counts a gap for each name");
        }
        await clients.DisposeAllAsync();
    }

    [Fact]
    public async Task Names_that_lose_their_last_subscriber_while_redis_is_away_are_not_left_in_redis()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: ["Redis:Linger=00:00:00", "Limits:NamesPerConnection=1000"]);
        for (var round = 0; round < 3; round++)
        {
            await using (var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress()))
            {
                for (var i = 0; i < 200; i++)
                    await client.SendTextAsync($"away.{i}");
                await Eventually.IsAsync(async () => (await redis.ChannelsAsync()).Length == 200, "all names are subscribed");
                await redis.KillAsync();
            }
            await Eventually.IsAsync(() => app.Connections.Count == 0, "no client is connected");
            var starting = redis.StartHostAsync();
            await Eventually.IsAsync(
                () =>
                {
                    app.Hub.Sweep();
                    return starting.IsCompleted && app.Hub.NameCount == 0;
                },
                "all names were removed");
            await starting;
            await redis.IsEmptyAsync();
        }
    }

    /// <summary>Publishes as fast as Redis accepts, until the connection fails.</summary>
    private static async Task LoadAsync(int port)
    {
        await using var publisher = await PlainRedisClient.ConnectAsync(port);
        try
        {
            while (true)
            {
                await publisher.AskAsync("PUBLISH", "load.a", "load");
                await publisher.AskAsync("PUBLISH", "load.b", "load");
            }
        }
        catch (IOException)
        {
            // The test has killed Redis.
        }
    }
}
