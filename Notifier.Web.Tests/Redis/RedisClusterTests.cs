using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>On a Cluster a PUBLISH reaches all nodes, and its count is that of the one that executed it.</summary>
public sealed class RedisClusterTests
{
    [Fact]
    public async Task What_is_published_over_http_arrives_in_order_whatever_node_it_goes_to_and_the_count_is_unknown()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var app = await Publishing.StartAsync(cluster.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "cluster.a");

        var one = await app.PostAsync("/publish/cluster.a", "first");
        var many = await app.PostAsync(
            "/publish", $"[{string.Join(',', Enumerable.Range(0, 500).Select(n => $$"""{"channel":"cluster.a","data":"{{n}}"}"""))}]");

        one.Body.Should().Be("""{"channel":"cluster.a","redisReceivers":null}""");
        many.Status.Should().Be(200, many.Body);
        many.Json.AsArray().Should().HaveCount(500).And.OnlyContain(published => published!["redisReceivers"] == null);
        ((string?)(await client.ReadAsync())["data"]).Should().Be("first");
        for (var n = 0; n < 500; n++)
            ((string?)(await client.ReadAsync())["data"]).Should().Be($"{n}");
    }
}
