using FluentAssertions;
using Notifier.History.Durable;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>A client that resumes many names at once does not delay other clients that resume.</summary>
public sealed class ReadTurnsTests
{
    private readonly ReadTurns turns = new(total: 8, ofVisitor: 2, ofOthers: 4);

    [Fact]
    public async Task An_owner_has_two_turns_at_once_and_other_owners_do_not_wait_for_its_further_ones()
    {
        var greedy = Enumerable.Range(0, 100).Select(_ => AcquireAsync("greedy")).ToList();

        var other = await AcquireAsync("other").WaitAsync(Eventually.Limit);

        greedy.Count(static turn => turn.IsCompleted).Should().Be(2);
        (await greedy[0]).Dispose();
        await greedy[2].WaitAsync(Eventually.Limit);
        other.Dispose();
    }

    [Fact]
    public async Task An_address_that_visitors_may_share_has_half_of_the_turns_and_its_connections_take_turns()
    {
        var greedy = Enumerable.Range(0, 100).Select(_ => AcquireAsync("proxy", member: "greedy", isOneVisitor: false)).ToList();
        var modest = AcquireAsync("proxy", member: "modest", isOneVisitor: false);
        greedy.Count(static turn => turn.IsCompleted).Should().Be(4);
        modest.IsCompleted.Should().BeFalse();

        (await greedy[0]).Dispose();
        (await greedy[1]).Dispose();

        await modest.WaitAsync(Eventually.Limit);
        await greedy[4].WaitAsync(Eventually.Limit);
        greedy[5].IsCompleted.Should().BeFalse();
    }

    [Fact]
    public async Task All_owners_together_have_eight_turns_and_wait_in_the_order_in_which_they_came()
    {
        var running = await Task.WhenAll(Enumerable.Range(0, 8).Select(n => AcquireAsync(n))).WaitAsync(Eventually.Limit);
        var next = AcquireAsync("next");
        var last = AcquireAsync("last");
        next.IsCompleted.Should().BeFalse();

        running[0].Dispose();
        running[0].Dispose();

        await next.WaitAsync(Eventually.Limit);
        last.IsCompleted.Should().BeFalse();
    }

    /// <summary>With one queue for all, the owner that waits for many would come first many times.</summary>
    [Fact]
    public async Task An_owner_that_waits_for_many_turns_gets_every_second_one_if_another_waits_too()
    {
        var running = await Task.WhenAll(Enumerable.Range(0, 8).Select(n => AcquireAsync(n))).WaitAsync(Eventually.Limit);
        var greedy = Enumerable.Range(0, 100).Select(_ => AcquireAsync("greedy")).ToList();
        var modest = AcquireAsync("modest");

        running[0].Dispose();
        running[1].Dispose();

        await modest.WaitAsync(Eventually.Limit);
        greedy.Count(static turn => turn.IsCompleted).Should().Be(1);
    }

    [Fact]
    public async Task A_caller_that_no_longer_waits_takes_no_turn_and_leaves_nothing_behind()
    {
        var running = await Task.WhenAll(AcquireAsync("one"), AcquireAsync("one")).WaitAsync(Eventually.Limit);
        using var gone = new CancellationTokenSource();
        var left = Enumerable.Range(0, 100).Select(n => turns.AcquireAsync(new("one", n % 3, Visitors: 1, gone.Token))).ToList();
        turns.Waiting.Should().Be(100);

        await gone.CancelAsync();

        foreach (var turn in left)
            await turn.Invoking(static turn => turn).Should().ThrowAsync<OperationCanceledException>();
        turns.Waiting.Should().Be(0);
        (await turns.Invoking(turns => turns.AcquireAsync(new("one", 1, Visitors: 1, gone.Token))).Should().ThrowAsync<OperationCanceledException>()).Which.Should().NotBeNull();
        running[0].Dispose();
        (await AcquireAsync("one").WaitAsync(Eventually.Limit)).Dispose();
    }

    [Fact]
    public async Task Turns_end_and_are_cancelled_in_many_threads_and_the_limits_hold()
    {
        var (all, of) = (0, new int[10]);
        var isWithin = true;
        await Task.WhenAll(Enumerable.Range(0, 1_000).Select(n => Task.Run(async () =>
        {
            using var gone = new CancellationTokenSource();
            var acquiring = turns.AcquireAsync(new(n % 10, n % 7, Visitors: 1, gone.Token));
            if (n % 3 == 0)
                await gone.CancelAsync();
            try
            {
                using var turn = await acquiring;
                isWithin &= Interlocked.Increment(ref all) <= 8 & Interlocked.Increment(ref of[n % 10]) <= 2;
                await Task.Yield();
                Interlocked.Decrement(ref all);
                Interlocked.Decrement(ref of[n % 10]);
            }
            catch (OperationCanceledException) when (n % 3 == 0)
            {
                // It has left.
            }
        }))).WaitAsync(Eventually.Limit);

        isWithin.Should().BeTrue();
        turns.Waiting.Should().Be(0);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(n => AcquireAsync(n))).WaitAsync(Eventually.Limit);
    }

    private Task<ReadTurn> AcquireAsync(object owner, object? member = null, bool isOneVisitor = true) =>
        turns.AcquireAsync(new(owner, member ?? owner, isOneVisitor ? 1 : 10, CancellationToken.None));
}
