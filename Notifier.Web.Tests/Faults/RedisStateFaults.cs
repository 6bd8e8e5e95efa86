using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>Redis runs, but it is full, has lost its data, has another password, or disconnects slow readers.</summary>
public sealed class RedisStateFaults(ITestOutputHelper output)
{
    private const string Chapter = "Redis";

    [Fact]
    public Task Clients_recover_when_redis_disconnects_the_node_because_its_output_buffer_is_full() => FaultSuite.RunAsync(
        output,
        new Fault(
            Chapter, "Redis drops the node as too slow (`client-output-buffer-limit pubsub 128kb`, the node's link is narrow)",
            "plain: what is lost has a `gap`; durable: nothing is lost", TimeSpan.FromSeconds(15)),
        async trial =>
        {
            await trial.BeginAsync(await RedisSetup.BehindProxyAsync("--client-output-buffer-limit", "pubsub 128kb 128kb 0"));
            trial.Stage.Proxy.BytesPerSecond = 20_000;
            trial.Backend.Publish(8_000);
            await Eventually.IsAsync(() => trial.App!.Log.Says("Redis does not answer"), "Redis has disconnected the node", TimeSpan.FromSeconds(60));
            trial.Backend.Publish(500);
            trial.Stage.Proxy.BytesPerSecond = int.MaxValue;
            trial.FaultEnds();
        });

    [Fact]
    public Task Subscribers_of_durable_names_receive_a_gap_after_flushall() => FaultSuite.RunAsync(
        output,
        new Fault(
            Chapter, "`FLUSHALL`", "plain: nothing is lost; durable: what Redis kept is gone, and a `gap` (`reset`) says so", TimeSpan.FromSeconds(5))
        { PlainLosesNothing = true, JournalIsLost = true },
        async trial =>
        {
            await trial.BeginAsync(await RedisSetup.SingleAsync());
            await trial.Stage.Redis.Server.ExecuteAsync("FLUSHALL");
            trial.FaultEnds();
            await trial.RecoverAsync();
            trial.Witnesses.Should().OnlyContain(static witness => witness.Heard(1).Any(static one => one.Number == Heard.Gap));
        });

    [Fact]
    public Task No_message_is_lost_when_redis_has_no_memory_left_for_two_seconds() => FaultSuite.RunAsync(
        output,
        new Fault(
            Chapter, "Redis is full (`maxmemory`, `noeviction`) for 2 s",
            "plain: nothing is lost; durable: refused, and kept once there is room", TimeSpan.FromSeconds(3))
        { PlainLosesNothing = true },
        async trial =>
        {
            await trial.BeginAsync(await RedisSetup.SingleAsync());
            await trial.Stage.Redis.Server.ExecuteAsync("CONFIG", "SET", "maxmemory", "1");
            var kept = trial.Backend.KeptCount;
            await RealTime.PassesAsync(TimeSpan.FromSeconds(2));
            trial.Backend.KeptCount.Should().BeLessThanOrEqualTo(kept + 1, "Redis has no room but for the message that was under way");
            await trial.Stage.Redis.Server.ExecuteAsync("CONFIG", "SET", "maxmemory", "0");
            trial.FaultEnds();
        });

    /// <summary>The backend has its own user, so it continues to publish while the node is disconnected.</summary>
    [Fact]
    public Task A_node_is_unready_while_its_redis_password_is_wrong_and_its_clients_recover_afterwards() => FaultSuite.RunAsync(
        output,
        new Fault(
            Chapter, "Redis' password is changed and the node thrown out; 2 s later it is the old one again",
            "unready, and the log says why; then as after a restart of Redis: a `gap`, nothing durable lost", TimeSpan.FromSeconds(5)),
        async trial =>
        {
            var stage = await RedisSetup.SingleAsync();
            await stage.Redis.Server.ExecuteAsync("ACL", "SETUSER", "backend", "on", ">own", "~*", "&*", "+@all");
            await trial.BeginAsync(stage.As("backend", "own"));
            await using var operators = await trial.Stage.ConnectAsync();
            var server = operators.GetServers().Single();
            await server.ExecuteAsync("CONFIG", "SET", "requirepass", "another");
            await server.ExecuteAsync("CLIENT", "KILL", "USER", "default");
            await Eventually.IsAsync(() => trial.App!.Log.Says("Redis authentication failed"), "the log says why");
            (await trial.App!.IsReadyAsync()).Should().BeFalse();
            await RealTime.PassesAsync(TimeSpan.FromSeconds(2));
            await server.ExecuteAsync("CONFIG", "SET", "requirepass", "");
            trial.FaultEnds();
            await trial.RecoverAsync();
            await Eventually.IsAsync(trial.App!.IsReadyAsync, "the node is ready again");
        });
}
