using FluentAssertions;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>Faults of the Redis inside Notifier (Microsoft.Garnet), which stores data in memory only.</summary>
public sealed class EmbeddedRedisFaults(ITestOutputHelper output)
{
    private const string Chapter = "The embedded Redis";

    [Fact]
    public Task Subscribers_of_durable_names_receive_a_gap_after_the_embedded_redis_restarts() => FaultSuite.RunAsync(
        output,
        new Fault(
            Chapter, "It ends, and starts anew after 0.5 s", "as Redis without its data: plain: a `gap`; durable: a `gap` (`reset`), for it keeps in memory only",
            TimeSpan.FromSeconds(5))
        { JournalIsLost = true },
        async trial =>
        {
            await trial.BeginAsync(RedisSetup.Garnet());
            await trial.Stage.Embedded.RestartAsync(TimeSpan.FromMilliseconds(500));
            trial.FaultEnds();
            await trial.RecoverAsync();
            trial.Witnesses.Should().OnlyContain(static witness => witness.Heard(1).Any(static one => one.Number == Heard.Gap));
        });

    [Fact]
    public Task Subscribers_of_durable_names_receive_a_gap_after_flushall_on_the_embedded_redis() => FaultSuite.RunAsync(
        output,
        new Fault(Chapter, "`FLUSHALL`", "plain: nothing is lost; durable: a `gap` (`reset`)", TimeSpan.FromSeconds(5)) { PlainLosesNothing = true, JournalIsLost = true },
        async trial =>
        {
            await trial.BeginAsync(RedisSetup.Garnet());
            await using var operators = await trial.Stage.ConnectAsync();
            await operators.GetServers().Single().ExecuteAsync("FLUSHALL");
            trial.FaultEnds();
            await trial.RecoverAsync();
            trial.Witnesses.Should().OnlyContain(static witness => witness.Heard(1).Any(static one => one.Number == Heard.Gap));
        });
}
