using System.Diagnostics;
using FluentAssertions;
using Xunit;

namespace Notifier.Tests.Faults;

/// <summary>The count by which faults are judged sees what it is there for.</summary>
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
    public void Each_hole_repetition_and_disorder_is_counted_and_a_gap_tells_of_the_hole_behind_it(
        int[] numbers, int lost, int untold, int repeated, int reordered)
    {
        var account = LossReport.Of([.. numbers.Select(static number => new Heard(number, 0))], static _ => true, 4, TimeSpan.Zero);

        (account.Lost, account.Untold, account.Repeated, account.Reordered).Should().Be((lost, untold, repeated, reordered));
    }

    [Fact]
    public void A_gap_behind_the_hole_counts_when_it_is_soon_and_what_redis_never_took_is_not_missed()
    {
        List<Heard> heard = [new(0, 0), new(3, 0), new(Gap, Stopwatch.Frequency / 2)];

        LossReport.Of(heard, static _ => true, 4, TimeSpan.FromSeconds(1)).Untold.Should().Be(0);
        LossReport.Of(heard, static _ => true, 4, TimeSpan.FromSeconds(0.1)).Untold.Should().Be(2);
        LossReport.Of(heard, static number => number is 0 or 3, 4, TimeSpan.Zero).Lost.Should().Be(0);
    }
}
