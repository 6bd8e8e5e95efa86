using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Configuration;
using Notifier.Names;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>The Redis inside the process, tested from outside: the publishers are separate clients.</summary>
public sealed class EmbeddedRedisTests : IAsyncLifetime
{
    private readonly int port = FreePort.Next();
    private NotifierApp app = null!;
    private ConnectionMultiplexer publisher = null!;

    public async Task InitializeAsync()
    {
        app = await NotifierApp.StartAsync("", settings: [$"Redis:EmbeddedPort={port}", "Redis:Linger=00:00:00", "Logging:LogLevel:Notifier.Hub=Debug"]);
        publisher = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port}");
    }

    public async Task DisposeAsync()
    {
        await publisher.DisposeAsync();
        await app.DisposeAsync();
    }

    [Fact]
    public async Task Messages_reach_channels_and_patterns_of_the_embedded_redis_once_each_and_in_order()
    {
        await using var channel = await RawWebSocket.SubscribeAsync(app, "busy.a");
        await using var pattern = await RawWebSocket.SubscribeAsync(app, "busy.*");
        await using var both = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=busy.b&pattern=?usy.b"));
        await Eventually.IsAsync(async () => await PublishAsync("busy.a", "") == 2 && await PublishAsync("busy.b", "") == 3, "all names are subscribed");

        (await PublishAsync("busy.b", "twice")).Should().Be(3);
        for (var i = 0; i < 10_000; i++)
            _ = publisher.GetSubscriber().PublishAsync(RedisChannel.Literal("busy.a"), i, CommandFlags.FireAndForget);
        await PublishAsync("busy.a", "last");

        (await channel.ReadPastAsync("")).Should().Be("0");
        for (var i = 1; i < 10_000; i++)
            (await channel.ReadTextAsync()).Should().Be($"{i}");
        (await pattern.ReadPastAsync("")).Should().Be("twice");
        for (var i = 0; i < 10_000; i++)
            (await pattern.ReadTextAsync()).Should().Be($"{i}");
        (await channel.ReadTextAsync()).Should().Be("last");
        (await pattern.ReadTextAsync()).Should().Be("last");
        new[] { await both.ReadPastAsync(""), await both.ReadPastAsync("") }.Should().Equal("twice", "twice");
        (await channel.DrainAsync()).Concat(await pattern.DrainAsync()).Concat(await both.DrainAsync()).Should().BeEmpty();
    }

    /// <summary>In Garnet a star matches the empty channel, in Redis it does not. A grant of a pattern means what Redis matches.</summary>
    [Fact]
    public async Task A_message_for_a_pattern_that_does_not_match_by_the_rules_of_redis_is_not_delivered()
    {
        await using var client = await RawWebSocket.SubscribeAsync(app, "*");
        await Eventually.IsAsync(async () => await PublishAsync("second.lock", "") == 1, "the pattern is subscribed");
        await using var plain = await PlainRedisClient.ConnectAsync(port);

        (await plain.AskAsync("PUBLISH", "", "on no channel")).Should().Be("1", "Garnet delivers the message");
        await PublishAsync("second.lock", "on one");

        (await client.ReadPastAsync("")).Should().Be("on one");
        app.Log.Says("A message for * was dropped: its channel does not match, although Redis says so.").Should().BeTrue();
    }

    [Fact]
    public async Task Clients_share_a_subscription_that_is_unsubscribed_and_subscribed_again()
    {
        for (var access = 0; access < 3; access++)
        {
            var clients = await Clients.ConnectAsync(app, 100);
            await Task.WhenAll(clients.Select(client => client.SendTextAsync("shared")));
            await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Channel("shared")) == 100, "all clients have subscribed");
            await Eventually.IsAsync(async () => await Server.SubscriptionSubscriberCountAsync(RedisChannel.Literal("shared")) == 1, "the name is subscribed once");
            await PublishAsync("shared", $"visit {access}");
            foreach (var client in clients)
            {
                (await client.ReadTextAsync()).Should().Be($"visit {access}");
                (await client.DrainAsync()).Should().BeEmpty();
            }
            await clients.DisposeAllAsync();

            await Eventually.IsAsync(() => app.Connections.Count == 0, "all clients have disconnected");
            app.Hub.Sweep();
            await Eventually.IsAsync(async () => await Server.SubscriptionSubscriberCountAsync(RedisChannel.Literal("shared")) == 0, "the name is unsubscribed");
            app.Hub.NameCount.Should().Be(0);
        }
    }

    [Fact]
    public async Task The_log_shows_the_redis_the_page_and_a_command_to_try_and_the_embedded_redis_logs_nothing()
    {
        await using var client = await RawWebSocket.SubscribeAsync(app, "*");
        await Eventually.IsAsync(async () => await PublishAsync("quiet", "") == 1, "the name is subscribed");

        app.Log.Lines.Where(line => line.Level >= LogLevel.Information).Select(line => line.Text.Trim()).Should().Equal(
            $"Notifier {ProductVersion.Text}",
            $"Redis: embedded, 127.0.0.1:{port}",
            $"Page: {app.Address}",
            $"Try: redis-cli -p {port} publish notifications.new-user \"Mathias signed up\"",
            "All clients of this machine may subscribe to everything, because this is Development. In Production nothing is open until Access:Anonymous:Subscribe is set.");
    }

    private IServer Server => publisher.GetServers().Single();

    private Task<long> PublishAsync(string channel, string payload) => publisher.GetSubscriber().PublishAsync(RedisChannel.Literal(channel), payload);
}
