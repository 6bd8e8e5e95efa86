namespace Notifier.Tests.Faults;

/// <summary>One thing that goes wrong, and what Notifier promises while it does: a row of docs/reliability.md.</summary>
/// <param name="Chapter">The heading that the row belongs to.</param>
/// <param name="Name">What goes wrong.</param>
/// <param name="Promise">In words for an operator.</param>
/// <param name="RecoversWithin">From the end of the fault until every client has what was published after it.</param>
internal sealed record Fault(string Chapter, string Name, string Promise, TimeSpan RecoversWithin)
{
    /// <summary>What a plain PUBLISH loses is told by a gap; of some faults not even that much may happen.</summary>
    public bool PlainLosesNothing { get; init; }

    /// <summary>Redis itself loses what it kept: on durable names too there is a gap, and nothing else is promised of that place.</summary>
    public bool JournalIsLost { get; init; }

    /// <summary>
    /// Another Redis takes over. A primary that dies takes along what it had delivered and not yet replicated: a gap tells of it, and a backend that
    /// publishes it again, to be sure, is heard twice.
    /// </summary>
    public bool FailsOver { get; init; }

    /// <summary>Clients lose their connection, and come back with their positions.</summary>
    public bool EndsConnections { get; init; }

    /// <summary>
    /// How much later than the first message behind a hole its gap may come: Redis confirms all names before the connection counts as back, and
    /// delivers meanwhile. Late is safe (who reads anew at a gap has all), early would not be.
    /// </summary>
    public TimeSpan GapWithin { get; init; } = TimeSpan.FromSeconds(1);
}
