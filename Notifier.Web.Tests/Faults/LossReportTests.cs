using System.Diagnostics;
using FluentAssertions;
using Xunit;

namespace Notifier.Tests.Faults;

/// <summary>The report that the fault tests rely on finds each kind of fault.</summary>
public sealed class LossReportTests
{
    private const int Gap = Heard.Gap;

    [Theory]
    [InlineData(new[] { 0, 1, 2, 3 }, 0, 0, 0, 0)]
    [InlineData(new[] { 0, Gap, 3 }, 2, 0, 0, 0)]
    [InlineData(new[] { 0, 3 }, 2, 2, 0, 0)]
    [InlineData(new[] { Gap, 0, 3 }, 2, 2, 0, 0)]
    [InlineData(new[] { 0, 1, Gap }, 2, 0, 0, 0)]
    [InlineData(new[] { 0, 1 }, 2, 2, 0, 0)]
    [InlineData(new[] { 0, 1, 1, 2, 3 }, 0, 0, 1, 0)]
    [InlineData(new[] { 0, 2, 1, 3 }, 0, 0, 0, 1)]
    public void Each_loss_repetition_and_reordering_is_counted_and_a_gap_explains_the_loss_after_it(
        int[] numbers, int lost, int untold, int repeated, int reordered)
    {
        var account = LossReport.Of([.. numbers.Select(static number => new Heard(number, 0))], static _ => true, 4, TimeSpan.Zero);

        (account.Lost, account.Untold, account.Repeated, account.Reordered).Should().Be((lost, untold, repeated, reordered));
    }

    [Fact]
    public void A_gap_soon_after_a_loss_explains_it_and_unacknowledged_messages_do_not_count_as_lost()
    {
        List<Heard> heard = [new(0, 0), new(3, 0), new(Gap, Stopwatch.Frequency / 2)];

        LossReport.Of(heard, static _ => true, 4, TimeSpan.FromSeconds(1)).Untold.Should().Be(0);
        LossReport.Of(heard, static _ => true, 4, TimeSpan.FromSeconds(0.1)).Untold.Should().Be(2);
        LossReport.Of(heard, static number => number is 0 or 3, 4, TimeSpan.Zero).Lost.Should().Be(0);
    }
}
