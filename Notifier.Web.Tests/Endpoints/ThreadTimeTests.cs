using System.Diagnostics;
using FluentAssertions;
using Notifier.Endpoints;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>
/// The time for checking names was the time that passed. On a busy machine the thread waited for a processor meanwhile, so the first pattern of an honest
/// client was refused: its address had "used its time".
/// </summary>
public sealed class ThreadTimeTests
{
    [Fact]
    public async Task A_thread_pays_for_its_work_and_not_for_waiting()
    {
        var (waiting, working) = await OwnThread.RunAsync(static () =>
        {
            var before = ThreadTime.Now;
            RealTime.Passes(TimeSpan.FromMilliseconds(200));
            var waiting = ThreadTime.Since(before);

            before = ThreadTime.Now;
            var limit = Stopwatch.StartNew();
            while (ThreadTime.Since(before) < TimeSpan.FromMilliseconds(20) && limit.Elapsed < Eventually.Limit)
            {
            }
            return (waiting, ThreadTime.Since(before));
        });

        waiting.Should().BeLessThan(TimeSpan.FromMilliseconds(100));
        working.Should().BeGreaterThanOrEqualTo(TimeSpan.FromMilliseconds(20));
    }
}
