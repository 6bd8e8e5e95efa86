using System.Globalization;
using System.Net;
using System.Text;
using FluentAssertions;
using Notifier.Redis;
using Notifier.Redis.Topology;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>On a Cluster a PUBLISH reaches all nodes, and its count is that of the one that executed it.</summary>
public sealed class RedisClusterTests
{
    [Fact]
    public async Task Messages_published_over_http_on_a_cluster_arrive_in_order_and_their_receiver_count_is_unknown()
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

    [Fact]
    public async Task Each_name_is_subscribed_on_one_cluster_server_at_first_and_after_that_server_is_killed()
    {
        await using var cluster = await RedisCluster.StartAsync(replicas: 1);
        await using var app = await NotifierApp.StartAsync(cluster.Configuration, settings: ["Redis:Linger=00:00:00"]);
        await using var client = await JsonClient.ConnectAsync(app);
        // Asked for while the library is still connecting to all six: that is when it asked two of them.
        var names = Enumerable.Range(0, 100).Select(static n => $"cluster.{n}").ToArray();
        foreach (var name in names)
            await client.SendAsync($$"""{"type":"subscribe","channel":"{{name}}"}""");
        foreach (var _ in names)
            ((string?)(await client.ReadAsync())["type"]).Should().Be("subscribed");
        var first = await HolderAsync(cluster, names);

        await cluster.KillAsync(first);
        // It is told when the server is given up, and again where a name is heard anew.
        var told = new HashSet<string>();
        while (told.Count < names.Length)
        {
            var said = await client.ReadAsync();
            ((string?)said["type"]).Should().Be("gap");
            told.Add((string)said["channel"]!);
        }
        var second = await HolderAsync(cluster, names);

        second.Should().NotBe(first);
        await using var redis = await PlainRedisClient.ConnectAsync(cluster.Ports.First(port => port != second));
        foreach (var name in names)
        {
            await redis.AskAsync("PUBLISH", name, name);
            await redis.AskAsync("PUBLISH", name, "end");      // each has its own: there is no order between names
        }
        var heard = new List<string>();
        for (var ended = 0; ended < names.Length;)
        {
            var data = (string?)(await client.ReadAsync())["data"];
            if (data == "end")
                ended++;
            else if (data is not null)
                heard.Add(data);
        }
        heard.Should().BeEquivalentTo(names, "each comes once");
    }

    /// <summary>A Cluster names its servers by address; certificates are for hosts.</summary>
    [Theory]
    [InlineData("redis.example:6379,ssl=true", "redis.example")]
    [InlineData("redis.example:6379,ssl=true,sslHost=other.example", "other.example")]
    [InlineData("127.0.0.1:6379", null)]
    public void The_subscription_server_of_a_cluster_is_verified_by_the_configured_host_and_is_the_only_endpoint(string configuration, string? host)
    {
        var options = SingleServerOptions.For(RedisConnectionString.Parse(configuration), new IPEndPoint(IPAddress.Parse("192.0.2.1"), 7000));

        options.SslHost.Should().Be(host);
        options.EndPoints.Should().Equal(new IPEndPoint(IPAddress.Parse("192.0.2.1"), 7000));
        options.ToString().Should().Contain("$CLUSTER=,");
    }

    [Fact]
    public async Task Each_name_is_subscribed_on_one_server_of_a_cluster_that_becomes_available_later()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await cluster.FreezeAsync();
        await using var app = await NotifierApp.StartAsync(cluster.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        var names = Enumerable.Range(0, 100).Select(static n => $"cluster.{n}").ToArray();
        foreach (var name in names)
            await client.SendAsync($$"""{"type":"subscribe","channel":"{{name}}"}""");
        await Eventually.IsAsync(() => app.Log.Lines.Any(static line => line.Text.Contains("does not answer", StringComparison.Ordinal)), "it is noticed");

        await cluster.ThawAsync();

        foreach (var _ in names)
            ((string?)(await client.ReadAsync())["type"]).Should().Be("subscribed");
        await HolderAsync(cluster, names);
    }

    /// <summary>The port of the one server that has them all, each once, as soon as that is so.</summary>
    private static async Task<int> HolderAsync(RedisCluster cluster, string[] names)
    {
        var holder = 0;
        await Eventually.IsAsync(
            async () =>
            {
                var counts = new Dictionary<int, int>();
                foreach (var port in cluster.Ports)
                {
                    await using var server = await PlainRedisClient.ConnectAsync(port);
                    await server.SendAsync(["PUBSUB", "NUMSUB", .. names]);
                    counts[port] = (await server.ReadAsync()).Where(static (_, n) => n % 2 == 1).Sum(static count => int.Parse(Encoding.UTF8.GetString(count), CultureInfo.InvariantCulture));
                }
                holder = counts.MaxBy(static count => count.Value).Key;
                return counts.Values.Sum() == names.Length && counts[holder] == names.Length;
            },
            "each name is on one server, all on the same");
        return holder;
    }
}
