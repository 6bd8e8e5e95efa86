using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>
/// A client resumes while deliveries from Redis are late: the messages it recovers from the journal are newer than the node's log. The
/// node's log receives the same messages later, and the client must not receive them twice.
/// </summary>
public sealed class RecoveryOverlapTests
{
    [Theory]
    [InlineData("after")]
    [InlineData("last")]
    public async Task Messages_recovered_from_the_journal_are_not_delivered_again_when_the_log_receives_them_later(string wanted)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var proxy = new RedisProxy(redis.Port);
        const string setting = "History:Durable:Channels:0=durable.*";
        string position;
        await using (var elsewhere = await NotifierApp.StartAsync(redis.Configuration, settings: setting))
        {
            await using var before = await JsonClient.ConnectAsync(elsewhere);
            position = (string)(await before.SubscribeAsync("channel", "durable.late"))["position"]!;
        }
        await redis.Connection.PublishDurablyAsync("durable.late", 0, 3);
        await using var app = await NotifierApp.StartAsync(proxy.Configuration, settings: setting);
        await using var listener = await JsonClient.ConnectAsync(app);
        await listener.SubscribeAsync("channel", "durable.late");

        proxy.Deafen();
        await redis.Connection.PublishDurablyAsync("durable.late", 3, 5);
        await using var client = await JsonClient.ConnectAsync(app);
        var replay = wanted == "after" ? $"\"after\":\"{position}\"" : "\"last\":5";
        var subscribed = await client.AskAsync($$"""{"type":"subscribe","channel":"durable.late",{{replay}}}""");
        ((bool?)subscribed["recovered"]).Should().Be(wanted == "after" ? true : null, subscribed.ToJsonString());
        await client.ReadNumbersAsync(0, 5);

        // The new connection receives messages again, and the node recovers those that it missed.
        await redis.Server.ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub");
        await Eventually.IsAsync(async () => await redis.SubscribersAsync("durable.late") == 1, "the channel is subscribed again");
        await redis.Connection.PublishDurablyAsync("durable.late", 5, 6);
        await client.ReadNumbersAsync(5, 6);
        await listener.ReadNumbersAsync(3, 6);
    }
}
