using FluentAssertions;
using Notifier.History.Durable;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>A client that resumes many names at once does not delay other clients that resume.</summary>
public sealed class ReadTurnsTests : IDisposable
{
    private readonly ReadTurns turns = new();

    public void Dispose() => turns.Dispose();

    [Fact]
    public async Task An_owner_has_two_turns_at_once_and_other_owners_do_not_wait_for_its_further_ones()
    {
        var greedy = Enumerable.Range(0, 100).Select(_ => turns.AcquireAsync("greedy", CancellationToken.None)).ToList();

        var other = await turns.AcquireAsync("other", CancellationToken.None).WaitAsync(Eventually.Limit);

        greedy.Count(static turn => turn.IsCompleted).Should().Be(ReadTurns.ForOneOwner);
        (await greedy[0]).Dispose();
        await greedy[2].WaitAsync(Eventually.Limit);
        other.Dispose();
    }

    [Fact]
    public async Task All_owners_together_have_eight_turns_and_wait_in_the_order_in_which_they_came()
    {
        var running = await Task.WhenAll(Enumerable.Range(0, ReadTurns.ForAll).Select(n => turns.AcquireAsync(n, CancellationToken.None))).WaitAsync(Eventually.Limit);
        var next = turns.AcquireAsync("next", CancellationToken.None);
        var last = turns.AcquireAsync("last", CancellationToken.None);
        next.IsCompleted.Should().BeFalse();

        running[0].Dispose();

        await next.WaitAsync(Eventually.Limit);
        last.IsCompleted.Should().BeFalse();
    }

    [Fact]
    public async Task A_caller_that_no_longer_waits_takes_no_turn()
    {
        var running = await Task.WhenAll(Enumerable.Range(0, ReadTurns.ForOneOwner).Select(_ => turns.AcquireAsync("one", CancellationToken.None))).WaitAsync(Eventually.Limit);
        using var gaveUp = new CancellationTokenSource();
        var given = turns.AcquireAsync("one", gaveUp.Token);

        await gaveUp.CancelAsync();

        await given.Invoking(static turn => turn).Should().ThrowAsync<OperationCanceledException>();
        running[0].Dispose();
        (await turns.AcquireAsync("one", CancellationToken.None).WaitAsync(Eventually.Limit)).IsAcquired.Should().BeTrue();
    }
}
