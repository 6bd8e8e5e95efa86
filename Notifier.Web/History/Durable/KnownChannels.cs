namespace Notifier.History.Durable;

/// <summary>
/// The durable channels on which this node has published lately: another message on them needs little memory of Redis. Hashes are enough, because a
/// mistake only changes what a publisher is charged. Thread-safe.
/// </summary>
/// <param name="lifetime">When a channel is forgotten at the latest; at the earliest after half of it, or when there are too many.</param>
internal sealed class KnownChannels(TimeSpan lifetime, TimeProvider time)
{
    /// <summary>How many channels fill half of the memory, about a megabyte.</summary>
    public const int MaxChannels = 50_000;

    private readonly Lock gate = new();
    private HashSet<int> recent = [];
    private HashSet<int> earlier = [];
    private long began = time.GetTimestamp();

    public bool Contains(string channel)
    {
        var hash = channel.GetHashCode(StringComparison.Ordinal);       // differs in each process
        lock (gate)
        {
            Forget();
            return recent.Contains(hash) || earlier.Contains(hash);
        }
    }

    public void Add(string channel)
    {
        lock (gate)
        {
            Forget();
            recent.Add(channel.GetHashCode(StringComparison.Ordinal));
        }
    }

    private void Forget()
    {
        var age = time.GetElapsedTime(began);
        if (age < lifetime / 2 && recent.Count < MaxChannels)
            return;
        (earlier, recent) = (age < lifetime ? recent : [], []);
        began = time.GetTimestamp();
    }
}
