using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>Several Redis servers, one of which takes over from another.</summary>
public sealed class FailoverFaults(ITestOutputHelper output)
{
    private const string Chapter = "Redis";
    private const string Told =
        "plain: what is lost has a `gap`; durable: nothing is lost, but what Redis had not replicated (then a `gap`, or it comes twice)";

    [Theory]
    [Trait(FaultSuite.Kind, FaultSuite.Long)]
    [InlineData("KILL", "is killed")]
    [InlineData("STOP", "is hung")]
    [InlineData("STOP", "was hung, and takes itself for the primary when it goes on", true)]
    public Task Clients_recover_when_sentinels_replace_a_primary_that_was_killed_or_hangs(string signal, string how, bool goesOn = false) => FaultSuite.RunAsync(
        output,
        new Fault(Chapter, $"Sentinel (`down-after-milliseconds 2000`): the primary {how}", Told, TimeSpan.FromSeconds(20)) { FailsOver = true },
        async trial =>
        {
            var sentinels = await Sentinels.StartAsync();
            await trial.BeginAsync(RedisSetup.Of(sentinels));
            var first = await sentinels.PrimaryAsync();
            sentinels.Signal(first, signal);
            trial.FaultEnds();      // from here on, the Sentinels and Notifier need the time
            await Eventually.IsAsync(
                async () => await sentinels.PrimaryAsync() != first, "the Sentinels have promoted another", TimeSpan.FromSeconds(60));
            await trial.RecoverAsync();
            if (!goesOn)
                return;
            sentinels.Signal(first, "CONT");
            await Eventually.IsAsync(() => Sentinels.IsReplicaAsync(first), "the Sentinels have made the old primary a replica", TimeSpan.FromSeconds(60));
            trial.FaultEnds();
            await trial.RecoverAsync();
        });

    [Theory]
    [Trait(FaultSuite.Kind, FaultSuite.Long)]
    [InlineData("KILL", "is killed", 20)]
    [InlineData("STOP", "hangs", 40)]
    public Task Clients_recover_when_the_cluster_node_with_the_subscription_is_killed_or_hangs(string signal, string how, int seconds) => FaultSuite.RunAsync(
        output,
        new Fault(
            Chapter, $"Cluster (3 primaries, 3 replicas; `cluster-node-timeout 2000`): the node subscribed to {how}", Told, TimeSpan.FromSeconds(seconds))
        { FailsOver = true },
        async trial =>
        {
            var cluster = await RedisCluster.StartAsync(replicas: 1);
            await trial.BeginAsync(RedisSetup.Of(cluster));
            var lost = await SubscribedToAsync(cluster);
            await (signal == "KILL" ? cluster.KillAsync(lost) : cluster.FreezeAsync(lost));
            trial.FaultEnds();      // from here on, the Cluster and Notifier need the time
            await cluster.NoticesAsync(lost);
            await cluster.IsCompleteAsync();
            await trial.RecoverAsync();
        });

    [Fact]
    [Trait(FaultSuite.Kind, FaultSuite.Long)]
    public Task No_durable_message_is_lost_when_a_cluster_moves_slots_to_other_primaries() => FaultSuite.RunAsync(
        output,
        new Fault(
            Chapter, "Cluster: the slot of the durable messages, and that of a channel, move to other primaries",
            "nothing is lost", TimeSpan.FromSeconds(15)),
        async trial =>
        {
            var cluster = await RedisCluster.StartAsync(replicas: 1);
            await trial.BeginAsync(RedisSetup.Of(cluster));
            await cluster.MoveSlotAsync("{notifier}:journal");
            await cluster.MoveSlotAsync(Backend.Plain);
            trial.FaultEnds();
        });

    /// <summary>The port of the Redis server at which Notifier is subscribed to the plain channel.</summary>
    private static async Task<int> SubscribedToAsync(RedisCluster cluster)
    {
        foreach (var port in cluster.Ports)
        {
            await using var client = await PlainRedisClient.ConnectAsync(port);
            if ((await client.AskAsync("PUBSUB", "NUMSUB", Backend.Plain)).EndsWith(" 1", StringComparison.Ordinal))
                return port;
        }
        throw new InvalidOperationException("No node has a subscription.");
    }
}
