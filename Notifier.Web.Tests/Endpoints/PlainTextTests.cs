using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

public sealed class PlainTextTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_message_is_delivered_to_subscribers_of_its_channel_and_of_a_matching_pattern(Listen listen)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var channel = await RawWebSocket.SubscribeAsync(app, "plain.new-user");
        await using var pattern = await RawWebSocket.SubscribeAsync(app, "plain.*");
        await Eventually.IsAsync(async () => await Redis.PublishAsync("plain.new-user", "probe") == 2, "both names are subscribed");

        await Redis.PublishAsync("plain.new-user", "Mathias signed up");

        foreach (var client in new[] { channel, pattern })
        {
            string text;
            do
                text = await client.ReadTextAsync();
            while (text == "probe");
            text.Should().Be("Mathias signed up");
        }
    }
}
