using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>Redis is killed, hangs, pauses or disconnects its clients.</summary>
public sealed class RedisFaults(ITestOutputHelper output)
{
    private const string Chapter = "Redis";
    private const string Told = "plain: what is lost has a `gap`; durable: nothing is lost; browsers stay connected";

    [Theory]
    [InlineData(0.2)]
    [InlineData(1)]
    public Task Clients_recover_when_redis_is_killed_and_restarts_within_a_second(double seconds) => KillAsync(seconds);

    [Theory]
    [Trait(FaultSuite.Kind, FaultSuite.Long)]
    [InlineData(5)]
    [InlineData(20)]
    public Task Clients_recover_when_redis_is_killed_and_restarts_after_5_or_20_seconds(double seconds) => KillAsync(seconds);

    [Fact]
    public Task Clients_recover_when_redis_hangs_for_3_seconds() => HangAsync(3);

    [Fact]
    [Trait(FaultSuite.Kind, FaultSuite.Long)]
    public Task Clients_recover_when_redis_hangs_for_60_seconds() => HangAsync(60);

    [Fact]
    public Task No_message_is_lost_when_redis_pauses_its_clients() => FaultSuite.RunAsync(
        output,
        new Fault(Chapter, "`CLIENT PAUSE` for 2 s", "nothing is lost", TimeSpan.FromSeconds(3)) { PlainLosesNothing = true },
        async trial =>
        {
            await trial.BeginAsync(await RedisSetup.SingleAsync());
            await trial.Stage.Redis.Server.ExecuteAsync("CLIENT", "PAUSE", "2000", "ALL");
            await trial.Stage.Redis.Server.PingAsync();
        });

    [Fact]
    public Task Clients_recover_when_redis_disconnects_the_node_fifteen_times_under_load() => FaultSuite.RunAsync(
        output,
        new Fault(Chapter, "`CLIENT KILL TYPE pubsub`, 15 times under 10,000 messages/s", Told, TimeSpan.FromSeconds(5)),
        async trial =>
        {
            await trial.BeginAsync(await RedisSetup.SingleAsync(), rate: 10_000);
            for (var time = 0; time < 15; time++)
            {
                await trial.Stage.Redis.Server.ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub");
                await RealTime.PassesAsync(TimeSpan.FromMilliseconds(trial.Random.Next(20, 400)));
            }
            trial.FaultEnds();
            trial.Backend.Publish(500);
        });

    private Task KillAsync(double seconds) => FaultSuite.RunAsync(
        output,
        new Fault(Chapter, $"Redis killed (`kill -9`), started again after {seconds} s", Told, TimeSpan.FromSeconds(5)),
        async trial =>
        {
            await trial.BeginAsync(await RedisSetup.SingleAsync());
            await trial.Stage.Redis.KillAsync();
            await RealTime.PassesAsync(TimeSpan.FromSeconds(seconds));
            await trial.Stage.Redis.StartHostAsync();
            trial.FaultEnds();
        });

    private Task HangAsync(int seconds) => FaultSuite.RunAsync(
        output,
        new Fault(Chapter, $"Redis hangs (`SIGSTOP`) for {seconds} s", Told, TimeSpan.FromSeconds(seconds > 10 ? 15 : 5)),
        async trial =>
        {
            await trial.BeginAsync(await RedisSetup.SingleAsync());
            await trial.Stage.Redis.FreezeAsync();
            await RealTime.PassesAsync(TimeSpan.FromSeconds(seconds));
            await trial.Stage.Redis.ThawAsync();
            trial.FaultEnds();
        });
}
