using FluentAssertions;
using Notifier.Redis;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>
/// Redis answered a ping and was killed. The library reported the loss before the answer was noticed, so the log said that Redis was back while nothing
/// listened there.
/// </summary>
public sealed class RedisHealthTests : IDisposable
{
    private readonly LogCapture log = new();
    private readonly RedisHealth health;

    public RedisHealthTests() => health = new(log.CreateLogger("test"), CancellationToken.None);

    [Fact]
    public void An_answer_to_a_question_from_before_a_loss_does_not_say_that_redis_is_back()
    {
        var known = health.Losses;
        health.ReportAway("127.0.0.1:6379");

        health.TryReportBack(known).Should().BeFalse();
        health.IsAway.Should().BeTrue();
        log.Says("Redis is back").Should().BeFalse();

        health.TryReportBack(health.Losses).Should().BeTrue();
        health.IsAway.Should().BeFalse();
        log.Says("Redis is back").Should().BeTrue();
    }

    [Fact]
    public void A_loss_counts_also_if_redis_is_away_already()
    {
        health.ReportAway("127.0.0.1:6379");
        var known = health.Losses;
        health.ReportAway("127.0.0.1:6379");

        health.TryReportBack(known).Should().BeFalse("the second connection was lost after the question was sent");
        log.Lines.Should().ContainSingle();
    }

    [Fact]
    public void An_answer_from_before_a_loss_does_not_hide_its_cause()
    {
        var known = health.Losses;
        health.Note(new("127.0.0.1:6379", "the connection was refused", IsLasting: false));
        health.ReportAway("127.0.0.1:6379");
        health.TryReportBack(known);

        health.Note(new("127.0.0.1:6379", "the connection was refused", IsLasting: false));
        log.Lines.Should().ContainSingle(static line => line.Text.Contains("the connection was refused", StringComparison.Ordinal));
    }

    public void Dispose() => log.Dispose();
}
