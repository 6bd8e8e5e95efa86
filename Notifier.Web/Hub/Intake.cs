using System.Threading.Channels;
using Notifier.Messages;
using StackExchange.Redis;

namespace Notifier.Hub;

/// <summary>
/// What Redis delivers for one name: passed on by one loop, in the order in which it comes, and no step of it waits for a
/// browser.
/// </summary>
internal abstract class Intake(Name name, SubscriptionTraits traits)
{
    /// <summary>
    /// More deliveries than this waiting in the library's queue, which has no bound of its own, are dropped: a gap that is
    /// told beats a process that runs out of memory.
    /// </summary>
    private const int MostWaiting = 100_000;

    public Name Name => name;

    protected SubscriptionTraits Traits => traits;

    /// <summary>
    /// Passes on what Redis delivers, until the name has left Redis. While a pass runs, messages arrive for the next one:
    /// batches form by themselves, and at low rates nothing waits.
    /// </summary>
    public async Task ReceiveAsync(ChannelMessageQueue queue)
    {
        while (true)
        {
            ChannelMessage delivery;
            try
            {
                delivery = await queue.ReadAsync();
            }
            catch (ChannelClosedException)
            {
                return;     // unsubscribed
            }
            try
            {
                if (Pass(queue, delivery) >= FrameBatch.Full)
                    ShedOverload(queue);
            }
            catch (Exception error)
            {
                // A mistake of ours in one message must not make the name deaf.
                traits.ReportFailure(name, error);
                NoteGap(GapCode.Internal);
            }
        }
    }

    /// <summary>Puts a gap into the log: messages may have been lost here. Called from any thread.</summary>
    public abstract void NoteGap(GapCode code);

    /// <summary>Redis does not allow the name, or no longer: tells all who hold it.</summary>
    public abstract void Refuse(string reason);

    /// <summary>Passes on a delivery and what waits behind it, up to the size of a batch. Called by the loop.</summary>
    /// <returns>The bytes passed on; a full batch when more may be waiting.</returns>
    protected abstract int Pass(ChannelMessageQueue queue, ChannelMessage delivery);

    private void ShedOverload(ChannelMessageQueue queue)
    {
        if (!queue.TryGetCount(out var waiting) || waiting <= MostWaiting)
            return;
        var dropped = 0;
        while (queue.TryRead(out _))
            dropped++;
        traits.ReportOverload(name, dropped);
        NoteGap(GapCode.Overload);
    }
}
