using System.Diagnostics;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>
/// One fault after the other, and some together, for half an hour (<c>--minutes N</c> changes that). One node stays, so that its memory can be compared; the
/// test kills and replaces the other node repeatedly.
/// </summary>
public sealed class CombinedFaults(ITestOutputHelper output)
{
    [Fact]
    [Trait(FaultSuite.Kind, FaultSuite.Long)]
    public Task A_surviving_node_keeps_its_clients_and_its_size_while_redis_and_another_node_fail_repeatedly()
    {
        var duration = FaultSuite.Everything;
        return FaultSuite.RunAsync(
            output,
            new Fault(
                "The node", "Everything at once: two nodes, clients that come and go and stall, Redis killed, hung, cut off and slow, nodes killed",
                "plain: what is lost has a `gap`; durable: nothing is lost; the node that stays keeps its clients and its size (within 20 %)",
                TimeSpan.FromSeconds(20))
            { EndsConnections = true },
            trial => RunAsync(trial, duration));
    }

    private async Task<string> RunAsync(FaultRun trial, TimeSpan duration)
    {
        var stage = await RedisSetup.BehindProxyAsync();
        var stays = await StartAsync(trial, stage);
        trial.Nodes = 2;
        var unharmed = new[] { trial.Add(stays.Address), trial.Add(stays.Address) };
        var other = await StartAsync(trial, stage);
        await trial.BeginAsync(stage, other.Address);
        using var ending = new CancellationTokenSource();
        var group = Task.WhenAll(Enumerable.Range(0, 20).Select(n => ComeAndGoAsync(stays.Address, new Random(trial.Seed + n), ending.Token)));

        // The test compares the peak of the last third with that of the first, because the collector may shrink the process in between.
        var (before, after) = (0L, 0L);
        var began = Stopwatch.StartNew();
        var counts = new SortedDictionary<string, int>(StringComparer.Ordinal);
        while (began.Elapsed < duration)
        {
            var faults = trial.Random.Next(4) == 0 ? 2 : 1;
            for (var n = 0; n < faults; n++)
            {
                var (name, befall) = Choose(trial, stage);
                counts[name] = counts.GetValueOrDefault(name) + 1;
                if (name == "node killed")
                    other = await ReplaceAsync(trial, stage, other);
                else
                    await befall();
            }
            await RealTime.PassesAsync(TimeSpan.FromMilliseconds(trial.Random.Next(500, 4_000)));
            if (began.Elapsed < duration / 3)
                before = Math.Max(before, stays.ResidentBytes);
            else if (began.Elapsed > duration * 2 / 3)
                after = Math.Max(after, stays.ResidentBytes);
        }
        trial.FaultEnds();
        await trial.RecoverAsync();
        await ending.CancelAsync();
        await group;
        output.WriteLine($"{string.Join(", ", counts.Select(static count => $"{count.Key} {count.Value}"))}; RSS {before / 1048576} to {after / 1048576} MiB");

        unharmed.Should().OnlyContain(static witness => witness.Returns == 0, "the surviving node keeps its clients");
        ((double)after).Should().BeLessThan(before * 1.2, "the surviving node does not grow");
        return $"{duration.TotalMinutes:0} minutes, {counts.Values.Sum()} faults; peak of RSS {before / 1048576} → {after / 1048576} MiB";
    }

    private static (string Name, Func<Task> Befall) Choose(FaultRun trial, RedisSetup stage)
    {
        var random = trial.Random;
        return random.Next(8) switch
        {
            0 => ("subscribers thrown out", () => stage.Redis.Server.ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub")),
            1 => ("Redis paused", () => stage.Redis.Server.ExecuteAsync("CLIENT", "PAUSE", $"{random.Next(100, 1_000)}", "ALL")),
            2 => ("Redis hung", () => WhileAsync(stage.Redis.FreezeAsync, random.Next(200, 3_000), stage.Redis.ThawAsync)),
            3 => ("Redis killed", () => WhileAsync(stage.Redis.KillAsync, random.Next(100, 2_000), () => stage.Redis.StartHostAsync())),
            4 => ("connections reset", () => Do(stage.Proxy.Reset)),
            5 => ("single bytes", () => WhileAsync(() => Do(() => stage.Proxy.Slice = 1), 1_000, () => Do(() => stage.Proxy.Slice = int.MaxValue))),
            6 => ("slow network", () => WhileAsync(
                () => Do(() => stage.Proxy.Delay = TimeSpan.FromMilliseconds(100)), 2_000, () => Do(() => stage.Proxy.Delay = TimeSpan.Zero))),
            _ => ("node killed", static () => Task.CompletedTask),
        };
    }

    private static Task Do(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    private static async Task WhileAsync(Func<Task> begin, int milliseconds, Func<Task> end)
    {
        await begin();
        await RealTime.PassesAsync(TimeSpan.FromMilliseconds(milliseconds));
        await end();
    }

    private static async Task<ServerProcess> ReplaceAsync(FaultRun trial, RedisSetup stage, ServerProcess old)
    {
        var fresh = await StartAsync(trial, stage);
        trial.Node(fresh.Address);
        old.Signal(trial.Random.Next(2) == 0 ? "KILL" : "TERM");
        await old.WaitForExitAsync(TimeSpan.FromSeconds(30));
        return fresh;
    }

    private static async Task<ServerProcess> StartAsync(FaultRun trial, RedisSetup stage)
    {
        var node = await ServerProcess.StartAsync(stage.Configuration, Listen.Plain, [.. FaultRun.NodeSettings, "Operations:DrainPeriod=00:00:01"]);
        trial.Owns(node);
        return node;
    }

    /// <summary>A client that connects again and again: it reads or stalls for a while, and then closes or aborts.</summary>
    private static async Task ComeAndGoAsync(Uri node, Random random, CancellationToken ending)
    {
        while (!ending.IsCancellationRequested)
        {
            try
            {
                await using var socket = await RawWebSocket.ConnectAsync(
                    new UriBuilder(new Uri(node, "/ws?channel=faults.plain&pattern=faults.*")) { Scheme = "ws" }.Uri, receiveBuffer: 4_096);
                using var stay = CancellationTokenSource.CreateLinkedTokenSource(ending);
                stay.CancelAfter(random.Next(200, 5_000));
                if (random.Next(4) == 0)
                    await Never.AnswersAsync(stay.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                while (!stay.IsCancellationRequested && await socket.ReadFrameAsync(TimeSpan.FromSeconds(5)) is { Opcode: not Frame.CloseOpcode })
                {
                }
                if (random.Next(2) == 0)
                    socket.Abort();
            }
            catch (Exception error) when (error is IOException or OperationCanceledException or System.Net.Sockets.SocketException)
            {
                // The server was silent, or has closed the connection.
            }
        }
    }
}
