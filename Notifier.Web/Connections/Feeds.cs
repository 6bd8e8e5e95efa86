using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>What a connection follows, each in its turn, so that a busy name does not hold up the others. Owned by the holder.</summary>
internal sealed class Feeds
{
    private readonly List<Feed> feeds = new(1);
    private int turn;

    public void Add(Feed feed) => feeds.Add(feed);

    public void Remove(Feed feed) => feeds.Remove(feed);

    public void Clear() => feeds.Clear();

    /// <summary>Whether any has more than was sent.</summary>
    public bool AreBehind => NextBehind() is not null;

    /// <summary>Writes a batch of one feed, and with it what the others have waiting.</summary>
    /// <returns>How many messages of the batch need not be sent again.</returns>
    public int Write(FrameWriter writer, in FrameBatch batch, Feed first)
    {
        if (feeds.Count < 2 || batch.Bytes.IsEmpty || !batch.Payload.IsEmpty || !AreBehindBut(first))
            return writer.Write(batch);
        var gathered = GatheredFrames.OfThisThread;
        gathered.Begin(batch);
        foreach (var feed in feeds)
        {
            if (feed != first && feed.IsBehind)
                gathered.Add(feed);
        }
        var taken = writer.Write(gathered.Batch);
        gathered.Advance(taken - batch.Count);
        return Math.Min(taken, batch.Count);
    }

    /// <summary>Sends one slice of the next one that has more.</summary>
    public void CatchUp()
    {
        if (NextBehind() is not { } next)
            return;
        turn = next + 1;
        feeds[next].CatchUp();
    }

    private bool AreBehindBut(Feed one)
    {
        foreach (var feed in feeds)
        {
            if (feed != one && feed.IsBehind)
                return true;
        }
        return false;
    }

    private int? NextBehind()
    {
        for (var tried = 0; tried < feeds.Count; tried++)
        {
            var at = (turn + tried) % feeds.Count;
            if (feeds[at].IsBehind)
                return at;
        }
        return null;
    }
}
