namespace Notifier.Tests.Faults;

/// <summary>A fault, and what Notifier promises during it: a row of docs/reliability.md.</summary>
/// <param name="Chapter">The heading above the table.</param>
/// <param name="Name">What goes wrong.</param>
/// <param name="Promise">In words for an operator.</param>
/// <param name="RecoversWithin">From the end of the fault until every client has what was published after it.</param>
internal sealed record Fault(string Chapter, string Name, string Promise, TimeSpan RecoversWithin)
{
    /// <summary>The fault loses no plain message. Other faults may lose some, and clients receive a gap for them.</summary>
    public bool PlainLosesNothing { get; init; }

    /// <summary>Redis loses its data, so that subscribers of durable names receive a gap, too. Nothing else is promised about the lost messages.</summary>
    public bool JournalIsLost { get; init; }

    /// <summary>
    /// Another Redis takes over. Messages that the old primary had delivered but not replicated are lost from the journal: clients receive a gap. If the
    /// backend publishes such a message again, clients receive it twice.
    /// </summary>
    public bool FailsOver { get; init; }

    /// <summary>Clients lose their connections, and reconnect with their positions.</summary>
    public bool EndsConnections { get; init; }

    /// <summary>
    /// How long after the first message behind the lost ones the gap may come. Redis confirms all names before the connection counts as back, and delivers
    /// meanwhile. A late gap is safe, because a client that reads its data again at a gap misses nothing. An early gap would not be safe.
    /// </summary>
    public TimeSpan GapWithin { get; init; } = TimeSpan.FromSeconds(1);
}
