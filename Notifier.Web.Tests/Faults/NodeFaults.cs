using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>A node ends, or its clock is wrong, or the tokens of its clients expire.</summary>
public sealed class NodeFaults(ITestOutputHelper output)
{
    internal const string Chapter = "The node";
    private const string OnAnother =
        "plain: a `gap`, for another node has not heard what this one has; durable: nothing is lost, with the position that the client has";

    [Fact]
    public Task Clients_recover_on_another_node_when_their_node_receives_sigterm() => FaultSuite.RunAsync(
        output,
        new Fault(Chapter, "SIGTERM under load, with a second node (`DrainPeriod` 2 s)", OnAnother, TimeSpan.FromSeconds(10)) { EndsConnections = true },
        async trial =>
        {
            var stage = await RedisSetup.SingleAsync();
            var node = await StartAsync(trial, stage, "Operations:DrainPeriod=00:00:02");
            var other = await StartAsync(trial, stage);
            await trial.BeginAsync(stage, node.Address);
            trial.Node(other.Address);
            node.Terminate();
            (await node.WaitForExitAsync(TimeSpan.FromSeconds(15))).Should().Be(0, node.Output);
            trial.FaultEnds();
        });

    [Fact]
    public Task Clients_recover_when_the_only_node_is_killed_and_another_one_starts() => FaultSuite.RunAsync(
        output,
        new Fault(Chapter, "The only node killed (`kill -9`) under load, another started", OnAnother, TimeSpan.FromSeconds(10)) { EndsConnections = true },
        async trial =>
        {
            var stage = await RedisSetup.SingleAsync();
            var node = await StartAsync(trial, stage);
            await trial.BeginAsync(stage, node.Address);
            node.Signal("KILL");
            trial.Node((await StartAsync(trial, stage)).Address);
            trial.FaultEnds();
        });

    [Fact]
    public Task Clients_of_a_killed_node_recover_on_another_node_whose_own_clients_receive_no_gap() => FaultSuite.RunAsync(
        output,
        new Fault(
            Chapter, "Two nodes, one killed (`kill -9`) under load", $"{OnAnother}; the clients of the other notice nothing", TimeSpan.FromSeconds(10))
        { EndsConnections = true },
        async trial =>
        {
            var stage = await RedisSetup.SingleAsync();
            var node = await StartAsync(trial, stage);
            var other = await StartAsync(trial, stage);
            var unharmed = trial.Add(other.Address);
            await trial.BeginAsync(stage, node.Address);
            trial.Node(other.Address);
            node.Signal("KILL");
            trial.FaultEnds();
            await trial.RecoverAsync();
            unharmed.Returns.Should().Be(0);
            unharmed.Heard(0).Should().NotContain(static one => one.Number == Heard.Gap);
        });

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public Task No_message_is_lost_when_the_clock_is_set_forward_or_back_by_an_hour(int hours) => FaultSuite.RunAsync(
        output,
        new Fault(Chapter, $"The clock is stepped by an hour {(hours > 0 ? "forwards" : "back")}", "nothing is lost, no client is aborted", TimeSpan.FromSeconds(3))
        { PlainLosesNothing = true },
        async trial =>
        {
            var clock = new SteppedClock();
            await trial.BeginAsync(await RedisSetup.SingleAsync(), time: clock);
            clock.Step = TimeSpan.FromHours(hours);
            await SweepsAsync(trial.App!);
            trial.FaultEnds();
        });

    [Fact]
    public Task Clients_whose_tokens_expire_reconnect_with_new_tokens_and_lose_nothing() => FaultSuite.RunAsync(
        output,
        new Fault(
            Chapter, "The token of each client expires every 3 s, for 12 s", "closed with 4401; back with a fresh token and its position, nothing is lost",
            TimeSpan.FromSeconds(8))
        { PlainLosesNothing = true, EndsConnections = true },
        async trial =>
        {
            static string Token(int seconds) => TestToken.Of(DateTimeOffset.UtcNow.AddSeconds(seconds), "faults.*", "kept.*");
            trial.Token = static () => Token(3);
            // All tokens expire in the same second. Without the linger time, Notifier would drop the names and their messages before the clients reconnect.
            await trial.BeginAsync(await RedisSetup.SingleAsync(), settings: [.. TestToken.Settings, "Redis:Linger=00:00:30"]);
            await RealTime.PassesAsync(TimeSpan.FromSeconds(12));
            // The next tokens last. Otherwise the clients might be disconnected at the moment when the names in Redis are counted.
            trial.Token = static () => Token(600);
            var before = trial.Witnesses.Select(static witness => witness.Returns).ToArray();
            await Eventually.IsAsync(() => trial.Witnesses.Zip(before).All(static pair => pair.First.Returns > pair.Second), "each client has a token that lasts");
            trial.FaultEnds();
            await trial.RecoverAsync();
            trial.Witnesses.Should().OnlyContain(static witness => witness.Returns >= 2);
        });

    /// <summary>
    /// Waits until both sweeps have seen the new time. A liveness sweep may have read the old time and still run, so the second one counts. The hub's sweep
    /// has no signal, so it is run here once more.
    /// </summary>
    private static async Task SweepsAsync(NotifierApp app)
    {
        var before = app.Liveness.Sweeps;
        await Eventually.IsAsync(() => app.Liveness.Sweeps >= before + 2, "the liveness sweep has seen the new time");
        app.Hub.Sweep();
    }

    private static async Task<ServerProcess> StartAsync(FaultRun trial, RedisSetup stage, params string[] settings)
    {
        var node = await ServerProcess.StartAsync(stage.Configuration, Listen.Plain, [.. FaultRun.NodeSettings, .. settings]);
        trial.Owns(node);
        return node;
    }

    /// <summary>An operator changes the wall clock. Time stamps and timers continue as before.</summary>
    private sealed class SteppedClock : TimeProvider
    {
        public TimeSpan Step { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Step;
    }
}

/// <summary>This process gets no thread or no processor. Tests beside it would not get any either.</summary>
[Collection(RunsAlone.Name)]
public sealed class BusyNodeFaults(ITestOutputHelper output)
{
    [Fact]
    public Task No_client_is_disconnected_while_all_threads_of_the_pool_are_blocked() => FaultSuite.RunAsync(
        output,
        new Fault(NodeFaults.Chapter, "All threads of the pool blocked for 5 s", "nothing is lost, no client is aborted", TimeSpan.FromSeconds(10)),
        async trial =>
        {
            await trial.BeginAsync(await RedisSetup.SingleAsync());
            using var freed = new ManualResetEventSlim();
            for (var n = 0; n < 500; n++)
                ThreadPool.UnsafeQueueUserWorkItem(_ => freed.Wait(), null);
            // On a thread of its own, because the pool has no free one.
            await Task.Factory.StartNew(
                () =>
                {
                    RealTime.Passes(TimeSpan.FromSeconds(5));
                    trial.FaultEnds();
                    freed.Set();
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            await trial.RecoverAsync();
        });

    [Fact]
    public Task No_client_is_disconnected_while_every_processor_is_busy() => FaultSuite.RunAsync(
        output,
        new Fault(NodeFaults.Chapter, "Every processor busy for 5 s", "nothing is lost, no client is aborted", TimeSpan.FromSeconds(10)),
        async trial =>
        {
            await trial.BeginAsync(await RedisSetup.SingleAsync());
            var until = DateTime.UtcNow.AddSeconds(5);
            var threads = Enumerable.Range(0, 4 * Environment.ProcessorCount).Select(_ => new Thread(() =>
            {
                while (DateTime.UtcNow < until)
                {
                }
            })).ToList();
            threads.ForEach(static thread => thread.Start());
            await Task.Run(() => threads.ForEach(static thread => thread.Join()));
            trial.FaultEnds();
        });
}
