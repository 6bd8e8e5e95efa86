using Notifier.Configuration;

namespace Notifier.History.Durable;

/// <summary>
/// How much of the journal an owner may read in a time. What exceeds that waits: nothing is refused, and no message is lost. A connection of an owner that
/// visitors may share reads no faster than one visitor, so that one client does not use up what all may read. Used under the lock of <see cref="ReadTurns"/>.
/// </summary>
internal sealed class ReadRate(LimitsOptions limits, TimeProvider time, Action? onThrottled = null)
{
    /// <summary>How many channels a visitor may read for each of its requests. They take a millisecond of the node, and nearly as much of Redis.</summary>
    private const int ChannelsPerRequest = 50;

    /// <summary>After a restart, hundreds of clients of one address resume a hundred names each, all at once.</summary>
    private const int BurstSeconds = 60;

    /// <summary>With so many readers, those that have paid are removed.</summary>
    private const int FirstSweep = 256;

    private readonly long burst = BurstSeconds * time.TimestampFrequency;

    /// <summary>By when readers have paid for what they have read: timestamps. Those without one have paid.</summary>
    private readonly Dictionary<object, long> paidAt = [];

    private int sweepAt = FirstSweep;

    /// <summary>Charges the owner of a client, and its connection, for what was read.</summary>
    /// <param name="client">The client.</param>
    /// <param name="cost">See <see cref="ReadMeter.Cost"/>.</param>
    public void Charge(ReadClient client, int cost)
    {
        if (cost == 0 || client.Visitors is not { } visitors)
            return;
        if (paidAt.Count >= sweepAt)
            Sweep();
        Charge(client.Owner, cost, visitors);
        if (visitors > 1)
            Charge(client.Member, cost, visitors: 1);
    }

    /// <summary>How long an owner or a connection must wait before it reads again; null if it need not wait.</summary>
    public TimeSpan? DelayOf(object reader)
    {
        var ahead = paidAt.GetValueOrDefault(reader) - burst - time.GetTimestamp();
        return ahead > 0 ? time.GetElapsedTime(0, ahead) : null;
    }

    /// <summary>Waits as long as <see cref="DelayOf"/> says. Called without the lock, too.</summary>
    public async Task WaitAsync(TimeSpan delay)
    {
        await Task.Delay(delay + TimeSpan.FromMilliseconds(1), time);        // a timer has whole milliseconds
        onThrottled?.Invoke();
    }

    private void Charge(object reader, int cost, int visitors)
    {
        var price = time.TimestampFrequency * cost / ((long)limits.RequestsPerSecond * ChannelsPerRequest * visitors);
        paidAt[reader] = Math.Max(paidAt.GetValueOrDefault(reader), time.GetTimestamp()) + price;
    }

    private void Sweep()
    {
        var now = time.GetTimestamp();
        foreach (var (reader, at) in paidAt)
        {
            if (at <= now)
                paidAt.Remove(reader);
        }
        sweepAt = Math.Max(FirstSweep, 2 * paidAt.Count);
    }
}
