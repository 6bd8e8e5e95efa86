using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>
/// A client that has received no message still has the position that came with <c>subscribed</c>. That position must be the end of the
/// journal. Otherwise the client would reconnect to another node and miss the first messages.
/// </summary>
public sealed class FirstPositionTests
{
    [Theory]
    [InlineData("redis", "channel")]
    [InlineData("redis", "pattern")]
    [InlineData("garnet", "channel")]
    public async Task A_client_that_disconnects_before_the_first_message_recovers_it_on_another_node(string kind, string nameKind)
    {
        const int names = 10;
        await using var redis = await DurableRedis.StartAsync(kind);
        var positions = new string[names];
        await using (var app = await redis.StartAppAsync("durable.*"))
        {
            await using var before = await JsonClient.ConnectAsync(app);
            for (var n = 0; n < names; n++)
                positions[n] = (string)(await before.SubscribeAsync(nameKind, Name(nameKind, n)))["position"]!;
        }
        for (var n = 0; n < names; n++)
            await redis.Connection.PublishDurablyAsync($"durable.{n}.first", $"first {n}");

        await using var after = await redis.StartAppAsync("durable.*");
        await using var client = await JsonClient.ConnectAsync(after);
        for (var n = 0; n < names; n++)
        {
            var subscribed = await client.AskAsync($$"""{"type":"subscribe","{{nameKind}}":"{{Name(nameKind, n)}}","after":"{{positions[n]}}"}""");
            ((bool?)subscribed["recovered"]).Should().BeTrue(subscribed.ToJsonString());
            ((string)(await client.ReadAsync())["data"]!).Should().Be($"first {n}");
        }
    }

    private static string Name(string nameKind, int n) => nameKind == "pattern" ? $"durable.{n}.*" : $"durable.{n}.first";
}
