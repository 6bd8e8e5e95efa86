using System.Net;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Growth;

/// <summary>Two nodes run on other setups than one plain Redis, configured only by the connection string.</summary>
public sealed class RedisSetupsTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Each_message_reaches_the_subscribers_of_both_nodes_once_on_a_cluster_of_three_primaries()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var nodes = await Nodes.StartAsync(2, cluster.Configuration);
        // As keys, these names would belong to all three primaries.
        foreach (var channel in new[] { "cluster.a", "cluster.b", "cluster.c" })
        {
            await using var subscribers = await nodes.SubscribeAsync(channel, $"{channel}*");
            var sent = await nodes.PublishAsync(channel, each: 50);
            foreach (var port in cluster.Ports)
            {
                await using var client = await PlainRedisClient.ConnectAsync(port);
                await client.AskAsync("PUBLISH", channel, $"primary{port} 0");
                sent.Add($"primary{port} 0");
            }
            await subscribers.ShouldHearAsync(sent, () => nodes.PostAsync(0, channel, Visitors.End));
        }
    }

    [Fact]
    public async Task Messages_of_either_node_reach_the_subscribers_of_both_nodes_once_after_a_sentinel_failover()
    {
        await using var redis = await Sentinels.StartAsync();
        await using var nodes = await Nodes.StartAsync(2, redis.Configuration);
        await using var subscribers = await nodes.SubscribeAsync("failover.a", "failover.*");
        await nodes.PostAsync(0, "failover.a", "before");
        (await subscribers.HearUntilAsync("before")).Should().OnlyContain(heard => heard.Count == 1);

        var first = await redis.PrimaryAsync();
        redis.Signal(first, "KILL");
        await Eventually.IsAsync(async () => await redis.PrimaryAsync() != first, "the Sentinels have elected another primary", TimeSpan.FromSeconds(60));
        // A node may still use the old primary, and answers 503 until it uses the new one.
        var answers = new List<HttpStatusCode>();
        for (var node = 0; node < 2; node++)
        {
            var n = 0;
            await Eventually.IsAsync(
                async () =>
                {
                    answers.Add(await nodes.TryPostAsync(node, "failover.a", $"node{node}-try{n++}"));
                    return answers[^1] == HttpStatusCode.OK && await nodes.IsReadyAsync(nodes[0]) && await nodes.IsReadyAsync(nodes[1]);
                },
                "a message is taken, and both nodes are ready", TimeSpan.FromSeconds(60));
        }
        await nodes.PostAsync(0, "failover.a", "from 0");
        await nodes.PostAsync(1, "failover.a", "from 1");
        var all = await subscribers.HearUntilAsync("from 1");

        output.WriteLine($"Publishing was answered: {string.Join(", ", answers.CountBy(answer => (int)answer))}; heard {string.Join(" | ", all[0])}");
        answers.Should().OnlyContain(answer => answer == HttpStatusCode.OK || answer == HttpStatusCode.ServiceUnavailable);
        foreach (var heard in all)
        {
            heard.Should().OnlyHaveUniqueItems();
            heard.TakeLast(2).Should().Equal("from 0", "from 1");
        }
    }

    [Fact]
    public async Task Messages_are_delivered_over_tls_with_only_the_redis_permissions_that_the_documentation_lists()
    {
        await using var redis = await TlsRedis.StartAsync();
        // The ACL of docs/deploying.md.
        await redis.Server.ExecuteAsync(
            "ACL", "SETUSER", "notifier", "on", ">opensesame", "resetchannels", "&news.*", "&notifier:*", "resetkeys", "-@all", "+@connection", "+@pubsub", "+info");
        var configuration = $"localhost:{redis.Port},ssl=true,user=notifier,password=opensesame";
        await using var nodes = await Nodes.StartAsync(2, configuration, new Dictionary<string, string> { ["SSL_CERT_FILE"] = redis.Authority });
        await using var subscribers = await nodes.SubscribeAsync("news.today", "news.*");

        var sent = await nodes.PublishAsync("news.today", each: 20);
        await subscribers.ShouldHearAsync(sent, () => nodes.PostAsync(1, "news.today", Visitors.End));

        (await nodes.TryPostAsync(0, "secrets", "x")).Should().Be(HttpStatusCode.Forbidden);
        nodes[0].Output.Should().NotContain("opensesame").And.NotContain("does not allow the channel notifier:probe", "the ACL allows the probe");
    }

    [Fact]
    public async Task Messages_are_delivered_over_tls_on_a_cluster_with_one_server()
    {
        await using var redis = await TlsRedis.StartClusterAsync();
        await using var nodes = await Nodes.StartAsync(
            2, $"localhost:{redis.Port},ssl=true", new Dictionary<string, string> { ["SSL_CERT_FILE"] = redis.Authority });
        await using var subscribers = await nodes.SubscribeAsync("news.today", "news.*");

        var sent = await nodes.PublishAsync("news.today", each: 20);
        await subscribers.ShouldHearAsync(sent, () => nodes.PostAsync(1, "news.today", Visitors.End));
    }

    [Fact]
    public async Task A_redis_with_an_untrusted_certificate_is_rejected_and_the_node_is_not_ready()
    {
        await using var redis = await TlsRedis.StartAsync();
        await using var node = await ServerProcess.StartAsync($"localhost:{redis.Port},ssl=true", Listen.Plain);
        using var http = new HttpClient();

        await Eventually.IsAsync(() => node.Output.Contains("does not answer", StringComparison.Ordinal), "the node logs it");
        (await http.GetAsync(new Uri(node.Address, "/healthz/ready"))).StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
    }
}
