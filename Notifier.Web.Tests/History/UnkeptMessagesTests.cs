using FluentAssertions;
using Notifier.History.Durable;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>A plain PUBLISH on a durable channel is delivered, but Redis keeps nothing of it. The operator learns that before a client misses the message.</summary>
public sealed class UnkeptMessagesTests
{
    private const string Told = "was published with a plain PUBLISH";

    [Fact]
    public async Task A_plain_publish_on_a_durable_channel_is_reported_once_and_other_messages_are_not()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: ["History:Durable:Channels:0=kept.*", "History:Durable:Channels:1=also kept"]);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "kept.a");
        await client.SubscribeAsync("pattern", "*");

        foreach (var channel in new[] { "kept.a", "kept.b", "not.kept", "also kept" })
        {
            for (var n = 0; n < 2; n++)
                await redis.PublishAsync(channel, "plain");
        }
        await redis.PublishDurablyAsync("kept.durable", "hello");
        while ((string?)(await client.ReadAsync())["data"] != "hello")
        {
        }

        Reported(app).Should().BeEquivalentTo("kept.a", "kept.b", "also kept");
    }

    [Fact]
    public async Task Plain_publishes_are_reported_for_a_limited_number_of_channels()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: "History:Durable:Channels:0=many.*");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("pattern", "many.*");

        for (var n = 0; n < UnkeptMessages.MaxChannels + 20; n++)
            await redis.PublishAsync($"many.{n}", n);
        await client.ReadNumbersAsync(0, UnkeptMessages.MaxChannels + 20);

        Reported(app).Should().Equal(Enumerable.Range(0, UnkeptMessages.MaxChannels).Select(static n => $"many.{n}"));
    }

    private static List<string> Reported(NotifierApp app) => [.. app.Log.Lines.Where(static line => line.Text.Contains(Told, StringComparison.Ordinal))
        .Select(static line => line.Text["A message on the durable channel ".Length..line.Text.IndexOf($" {Told}", StringComparison.Ordinal)])];
}
