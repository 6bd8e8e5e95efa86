using System.Globalization;
using System.Net;
using System.Text;
using FluentAssertions;
using Notifier.Redis;
using Notifier.Redis.Topology;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>On a Cluster a PUBLISH reaches all nodes, but its result counts only the subscribers of the node that executed it.</summary>
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
        // The client subscribes while the library is still connecting to all six servers. In that phase the library once subscribed on two
        // of them.
        var names = Enumerable.Range(0, 100).Select(static n => $"cluster.{n}").ToArray();
        foreach (var name in names)
            await client.SendAsync($$"""{"type":"subscribe","channel":"{{name}}"}""");
        foreach (var _ in names)
            ((string?)(await client.ReadAsync())["type"]).Should().Be("subscribed");
        var first = await OwnerAsync(cluster, names);

        await cluster.KillAsync(first);
        // A name gets a gap when Notifier abandons the server, and another when the name is subscribed again.
        var told = new HashSet<string>();
        while (told.Count < names.Length)
        {
            var said = await client.ReadAsync();
            ((string?)said["type"]).Should().Be("gap");
            told.Add((string)said["channel"]!);
        }
        var second = await OwnerAsync(cluster, names);

        second.Should().NotBe(first);
        await using var redis = await PlainRedisClient.ConnectAsync(cluster.Ports.First(port => port != second));
        foreach (var name in names)
        {
            await redis.AskAsync("PUBLISH", name, name);
            await redis.AskAsync("PUBLISH", name, "end");      // each name has its own end, because names have no common order
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
        heard.Should().BeEquivalentTo(names, "each message arrives once");
    }

    /// <summary>A Cluster reports its servers by address, but certificates name hosts.</summary>
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
        await Eventually.IsAsync(() => app.Log.Lines.Any(static line => line.Text.Contains("does not answer", StringComparison.Ordinal)), "Notifier has noticed");

        await cluster.ThawAsync();

        foreach (var _ in names)
            ((string?)(await client.ReadAsync())["type"]).Should().Be("subscribed");
        await OwnerAsync(cluster, names);
    }

    /// <summary>Waits until one server has all names, each once, and returns its port.</summary>
    private static async Task<int> OwnerAsync(RedisCluster cluster, string[] names)
    {
        var owner = 0;
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
                owner = counts.MaxBy(static count => count.Value).Key;
                return counts.Values.Sum() == names.Length && counts[owner] == names.Length;
            },
            "all names are subscribed on the same server, each once");
        return owner;
    }
}
