using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.History.Durable;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Reading once had turns, but no rate: a client could make the node read stored messages all the time.</summary>
public sealed class ReadRateTests
{
    private const int PerSecond = 50;
    private const int Burst = 60 * PerSecond;
    private const int Large = 200_000_000;
    private const int ListedPerChannel = 8;

    private readonly FakeTimeProvider time = new();
    private readonly ReadTurns turns;

    public ReadRateTests() => turns = new(total: 8, ofVisitor: 2, ofOthers: 4, new(new() { RequestsPerSecond = 1 }, time));

    [Fact]
    public async Task An_owner_that_has_read_more_than_it_may_waits_until_it_has_paid_and_other_owners_do_not_wait()
    {
        await ReadAsync("greedy", Burst + PerSecond);

        var waiting = AcquireAsync("greedy");
        (await AcquireAsync("other").WaitAsync(Eventually.Limit)).Dispose();
        waiting.IsCompleted.Should().BeFalse();
        time.Advance(TimeSpan.FromMilliseconds(900));
        (await AcquireAsync("other").WaitAsync(Eventually.Limit)).Dispose();
        waiting.IsCompleted.Should().BeFalse();
        await AdvanceUntilAsync(waiting, TimeSpan.FromSeconds(1));
        turns.Waiting.Should().Be(0);
    }

    [Fact]
    public async Task An_owner_reads_so_much_at_once_without_waiting_and_again_after_a_while()
    {
        for (var n = 0; n < 100; n++)
            await ReadAsync("honest", Burst / 100);
        time.Advance(TimeSpan.FromSeconds(61));
        for (var n = 0; n < 100; n++)
            await ReadAsync("honest", Burst / 100);
    }

    [Fact]
    public async Task All_that_an_owner_has_read_counts_also_what_it_reads_while_it_waits()
    {
        var (first, second) = (await AcquireAsync("greedy"), await AcquireAsync("greedy"));
        var waiting = AcquireAsync("greedy");
        End(first, Burst + PerSecond);
        waiting.IsCompleted.Should().BeFalse();
        End(second, PerSecond);

        time.Advance(TimeSpan.FromSeconds(1.5));

        (await AcquireAsync("other").WaitAsync(Eventually.Limit)).Dispose();
        waiting.IsCompleted.Should().BeFalse();
        await AdvanceUntilAsync(waiting, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_connection_of_a_shared_address_reads_no_faster_than_one_visitor_and_others_of_the_address_do_not_wait()
    {
        await ReadAsync("proxy", Burst + PerSecond, "greedy", visitors: 10);

        var waiting = AcquireAsync("proxy", "greedy", visitors: 10);
        for (var n = 0; n < 8; n++)
            await ReadAsync("proxy", Burst, $"modest {n}", visitors: 10);

        waiting.IsCompleted.Should().BeFalse();
        await AdvanceUntilAsync(waiting, TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task The_connections_of_a_shared_address_read_as_much_as_ten_visitors()
    {
        for (var n = 0; n < 11; n++)
            await ReadAsync("proxy", Burst, $"connection {n}", visitors: 10);

        var waiting = AcquireAsync("proxy", "another connection", visitors: 10);

        waiting.IsCompleted.Should().BeFalse();
        await AdvanceUntilAsync(waiting, TimeSpan.FromSeconds(8));
    }

    [Fact]
    public async Task A_backend_never_waits()
    {
        for (var n = 0; n < 10; n++)
            await ReadAsync("backend", Burst, visitors: null);
    }

    [Fact]
    public async Task A_client_that_leaves_while_its_owner_waits_leaves_nothing_behind()
    {
        await ReadAsync("greedy", Burst + PerSecond);
        using var gone = new CancellationTokenSource();
        var left = Enumerable.Range(0, 100).Select(n => turns.AcquireAsync(new("greedy", n, 1, gone.Token))).ToList();
        var waiting = AcquireAsync("greedy");
        turns.Waiting.Should().Be(101);

        await gone.CancelAsync();

        foreach (var turn in left)
            await turn.Invoking(static turn => turn).Should().ThrowAsync<OperationCanceledException>();
        turns.Waiting.Should().Be(1);
        await AdvanceUntilAsync(waiting, TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task Readers_that_have_to_wait_are_not_lost_in_many_threads_and_the_limits_hold()
    {
        var many = new ReadTurns(total: 8, ofVisitor: 2, ofOthers: 4, new(new() { RequestsPerSecond = Large / Burst }, TimeProvider.System));
        var (all, isWithin) = (0, true);
        await Task.WhenAll(Enumerable.Range(0, 1_000).Select(n => Task.Run(async () =>
        {
            using var gone = new CancellationTokenSource();
            var acquiring = many.AcquireAsync(new(n % 10, $"{n % 10} {n % 7}", n % 10 == 0 ? 10 : 1, gone.Token));
            if (n % 3 == 0)
                await gone.CancelAsync();
            try
            {
                using var turn = await acquiring;
                isWithin &= Interlocked.Increment(ref all) <= 8;
                await Task.Yield();
                turn.Meter.OnListed(ListedPerChannel * (n < 10 ? Large : 10_000));       // the burst, or three milliseconds
                Interlocked.Decrement(ref all);
            }
            catch (OperationCanceledException) when (n % 3 == 0)
            {
                // It has left.
            }
        }))).WaitAsync(Eventually.Limit);

        isWithin.Should().BeTrue();
        many.Waiting.Should().Be(0);
    }

    private async Task ReadAsync(string owner, int cost, string? member = null, int? visitors = 1) =>
        End(await AcquireAsync(owner, member, visitors).WaitAsync(Eventually.Limit), cost);

    private static void End(ReadTurn turn, int cost)
    {
        turn.Meter.OnListed(ListedPerChannel * cost);
        turn.Dispose();
    }

    private Task<ReadTurn> AcquireAsync(string owner, string? member = null, int? visitors = 1) =>
        turns.AcquireAsync(new(owner, member ?? $"a connection of {owner}", visitors, CancellationToken.None));

    /// <summary>The clock moves on until the turn has come: a timer that fires may start another one.</summary>
    private async Task AdvanceUntilAsync(Task<ReadTurn> waiting, TimeSpan limit)
    {
        var end = time.GetUtcNow() + limit;
        await Eventually.IsAsync(
            () =>
            {
                if (!waiting.IsCompleted && time.GetUtcNow() < end)
                    time.Advance(TimeSpan.FromMilliseconds(100));
                return waiting.IsCompleted;
            },
            "the turn has come");
        (await waiting).Dispose();
    }
}
