using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.History.Durable;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Forged lines on many names at once.</summary>
public sealed class VainReadsTests
{
    private readonly FakeTimeProvider time = new();
    private int due;

    [Fact]
    public async Task A_node_limits_reads_because_of_unproven_lines_over_all_names()
    {
        var node = new VainReads(time, CancellationToken.None);
        var names = Enumerable.Range(0, 1_000).Select(_ => new DoubtfulReads(node, () => Interlocked.Increment(ref due))).ToList();

        var reading = names.Where(static name => !name.MustWait()).ToList();
        reading.Should().HaveCount(VainReads.AtOnce, "none has ended yet");
        names.Should().OnlyContain(name => reading.Contains(name) || name.MustWait());
        foreach (var name in reading)
            name.OnRead(hasFound: false);
        time.Advance(TimeSpan.FromMilliseconds(500));
        due.Should().Be(0, "all were vain in this second");
        reading[0].MustWait().Should().BeTrue();

        time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.IsAsync(() => due == VainReads.AtOnce, "the next reads are due");
        time.Advance(TimeSpan.FromSeconds(10));
        due.Should().Be(VainReads.AtOnce, "those have not ended yet");
    }

    [Fact]
    public async Task A_read_that_finds_messages_delays_no_other()
    {
        var node = new VainReads(time, CancellationToken.None);
        var name = new DoubtfulReads(node, () => Interlocked.Increment(ref due));
        for (var n = 0; n < 10 * VainReads.PerSecond; n++)
        {
            name.MustWait().Should().BeFalse();
            name.OnRead(hasFound: true);
        }

        name.MustWait().Should().BeFalse();
        name.OnRead(hasFound: false);
        name.MustWait().Should().BeTrue();
        name.MustWait().Should().BeTrue();
        time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.IsAsync(() => due == 1, "the delayed read is due");
    }
}
