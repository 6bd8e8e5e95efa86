using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>What a connection follows, each in its turn, so that a busy name does not hold up the others. Owned by the holder.</summary>
internal sealed class Feeds
{
    private readonly List<Feed> feeds = new(1);
    private int turn;

    public int Count => feeds.Count;

    public void Add(Feed feed) => feeds.Add(feed);

    public void Remove(Feed feed) => feeds.Remove(feed);

    public void Clear() => feeds.Clear();

    /// <summary>Whether any has more than was sent.</summary>
    public bool AreBehind => NextBehind() is not null;

    /// <summary>Adds what comes next for each but the one whose frames come first.</summary>
    /// <returns>Whether there was any.</returns>
    public bool Gather(in FrameBatch batch, Feed first, GatheredFrames gathered)
    {
        var hasBegun = false;
        foreach (var feed in feeds)
        {
            if (feed == first || !feed.IsBehind)
                continue;
            if (!hasBegun)
                gathered.Begin(batch);
            hasBegun = true;
            gathered.Add(feed);
        }
        return hasBegun;
    }

    /// <summary>Sends one slice of the next one that has more.</summary>
    public void CatchUp()
    {
        if (NextBehind() is not { } next)
            return;
        turn = next + 1;
        feeds[next].CatchUp();
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
