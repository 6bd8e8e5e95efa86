using System.Diagnostics;

namespace Notifier.Tests.Faults;

/// <summary>A message or a gap that a client received for a name.</summary>
/// <param name="Number">The number of the message; negative for a gap.</param>
/// <param name="At">The time stamp.</param>
internal readonly record struct Heard(int Number, long At)
{
    public const int Gap = -1;
}

/// <summary>Compares the messages that a client received for a name with the published ones, by their numbers.</summary>
internal sealed record LossReport(int Lost, int Untold, int Repeated, int Reordered, int Gaps, TimeSpan LatestGap)
{
    public static LossReport Nothing { get; } = new(0, 0, 0, 0, 0, TimeSpan.Zero);

    /// <param name="heard">In the order of arrival.</param>
    /// <param name="isPromised">Whether Redis acknowledged the message with that number.</param>
    /// <param name="published">The number of published messages.</param>
    /// <param name="gapWithin">The longest time from a message behind lost ones to their gap.</param>
    public static LossReport Of(IReadOnlyList<Heard> heard, Func<int, bool> isPromised, int published, TimeSpan gapWithin)
    {
        var has = new bool[published];
        foreach (var one in heard.Where(static one => one.Number >= 0))
            has[one.Number] = true;
        var account = Nothing;
        var seen = new bool[published];
        var (next, wasTold) = (0, false);
        for (var i = 0; i < heard.Count; i++)
        {
            var (number, at) = heard[i];
            if (number == Heard.Gap)
            {
                (account, wasTold) = (account with { Gaps = account.Gaps + 1 }, true);
                continue;
            }
            if (seen[number])
                account = account with { Repeated = account.Repeated + 1 };
            else if (number < next)
                account = account with { Reordered = account.Reordered + 1 };
            else
            {
                var lost = Enumerable.Range(next, number - next).Count(n => !has[n] && isPromised(n));
                if (lost > 0)
                    account = account.WithHole(lost, wasTold ? TimeSpan.Zero : NextGap(heard, i, at), gapWithin);
                next = number + 1;
            }
            seen[number] = true;
            wasTold = false;
        }
        var missing = Enumerable.Range(next, published - next).Count(isPromised);
        return missing == 0 ? account : account.WithHole(missing, wasTold ? TimeSpan.Zero : null, gapWithin);
    }

    public static LossReport operator +(LossReport one, LossReport other) => new(
        one.Lost + other.Lost, one.Untold + other.Untold, one.Repeated + other.Repeated, one.Reordered + other.Reordered, one.Gaps + other.Gaps,
        one.LatestGap > other.LatestGap ? one.LatestGap : other.LatestGap);

    private LossReport WithHole(int lost, TimeSpan? told, TimeSpan gapWithin) => this with
    {
        Lost = Lost + lost,
        Untold = Untold + (told <= gapWithin ? 0 : lost),
        LatestGap = told > LatestGap ? told.Value : LatestGap,
    };

    /// <summary>The time from the message behind the lost ones to the next gap, or null.</summary>
    private static TimeSpan? NextGap(IReadOnlyList<Heard> heard, int from, long since)
    {
        for (var i = from; i < heard.Count; i++)
        {
            if (heard[i].Number == Heard.Gap)
                return Stopwatch.GetElapsedTime(since, heard[i].At);
        }
        return null;
    }
}
