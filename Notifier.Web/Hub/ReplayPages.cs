using Notifier.History;
using Notifier.History.Durable;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// The pages of the journal that clients are being sent. They count for the node's memory of messages together with the logs, and are discarded before the
/// logs are: a client whose page was discarded reads it again. Thread-safe.
/// </summary>
internal sealed class ReplayPages(LogBudget budget, TimeProvider time)
{
    /// <summary>A page of which nothing was sent for so long is discarded: its clients do not read.</summary>
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly Dictionary<JournalPage, ReplayPage> pages = new(ReferenceEqualityComparer.Instance);

    public LogBudget Budget => budget;

    /// <summary>A cursor needs the page; <see cref="Release"/> must follow.</summary>
    public ReplayPage Hold(JournalPage page)
    {
        ReplayPage? held;
        lock (gate)
        {
            if (!pages.TryGetValue(page, out held))
            {
                pages.Add(page, held = new(page, time));
                budget.Add(held.Bytes);
            }
            held.Cursors++;
        }
        budget.Enforce();
        return held;
    }

    public void Release(ReplayPage page)
    {
        lock (gate)
        {
            if (--page.Cursors == 0)
                Discard(page);
        }
    }

    /// <summary>Discards the pages that were not used for long.</summary>
    public void Sweep()
    {
        lock (gate)
        {
            foreach (var page in pages.Values.Where(page => time.GetElapsedTime(page.UsedAt) > IdleTimeout).ToList())
                Discard(page);
        }
    }

    /// <summary>Discards pages, those first that were used least recently, until so many bytes are free.</summary>
    /// <returns>How many bytes were freed.</returns>
    public long MakeRoom(long bytes)
    {
        var freed = 0L;
        lock (gate)
        {
            foreach (var page in pages.Values.OrderBy(static page => page.UsedAt).ToList())
            {
                if (freed >= bytes)
                    break;
                freed += page.Bytes;
                Discard(page);
            }
        }
        return freed;
    }

    private void Discard(ReplayPage page)
    {
        if (page.Discard() is { } discarded && pages.Remove(discarded))
            budget.Add(-page.Bytes);
    }
}

/// <summary>A page that clients are being sent, unless it was discarded.</summary>
internal sealed class ReplayPage(JournalPage page, TimeProvider time)
{
    private JournalPage? page = page;

    private long usedAt = time.GetTimestamp();

    /// <summary>In <see cref="Message.Size"/>.</summary>
    public long Bytes { get; } = page.Messages.Sum(static message => (long)message.Size);

    /// <summary>How many cursors need the page. Under the lock of <see cref="ReplayPages"/>.</summary>
    public int Cursors { get; set; }

    public long UsedAt => Volatile.Read(ref usedAt);

    /// <summary>The page; null if it was discarded.</summary>
    public JournalPage? Read()
    {
        Volatile.Write(ref usedAt, time.GetTimestamp());
        return Volatile.Read(ref page);
    }

    /// <summary>Frees the memory of the page.</summary>
    public JournalPage? Discard() => Interlocked.Exchange(ref page, null);
}
