using Notifier.Messages;
using Notifier.Redis;

namespace Notifier.Hub;

/// <summary>
/// What this node receives from Redis: each name by a reception of its own, or by that of the cover it is under, which opens with
/// the first such name and leaves with the last. Under the hub's lock.
/// </summary>
/// <param name="receive">Begins a reception for an intake, after the given task.</param>
internal sealed class Receptions(Func<Intake, Task, Reception> receive, SubscriptionTraits traits)
{
    private readonly Dictionary<Name, Reception> covers = [];

    /// <summary>Names on their way out of Redis: the next reception of the same name waits for that.</summary>
    private readonly Dictionary<Name, Task> leaving = [];

    /// <summary>The cover of that name, when a name is under it.</summary>
    public Cover? Cover(Name name) => covers.GetValueOrDefault(name)?.Intake as Cover;

    /// <param name="subscription">A new one.</param>
    /// <param name="cover">The cover it is under, or null.</param>
    public Reception Open(Subscription subscription, Name? cover)
    {
        if (cover is not { } name)
            return Receive(subscription);
        if (!covers.TryGetValue(name, out var reception))
            covers.Add(name, reception = Receive(new Cover(name, traits)));
        ((Cover)reception.Intake).Add(subscription);
        return reception;
    }

    /// <summary>Nobody wants the name any more.</summary>
    public void Leave(Subscription subscription, Reception reception)
    {
        if (reception.Intake is Cover cover)
        {
            cover.Remove(subscription);
            if (!cover.IsEmpty)
                return;
        }
        Drop(reception);
    }

    /// <summary>Ends a reception with all that is under it.</summary>
    public void Drop(Reception reception)
    {
        if (reception.Intake is Cover)
            covers.Remove(reception.Intake.Name);
        leaving[reception.Intake.Name] = reception.Leave();
    }

    /// <summary>Called by the sweep: those that have left Redis keep nobody waiting.</summary>
    public void ForgetLeft()
    {
        foreach (var (name, _) in leaving.Where(pair => pair.Value.IsCompleted).ToList())
            leaving.Remove(name);
    }

    private Reception Receive(Intake intake) => receive(intake, leaving.GetValueOrDefault(intake.Name, Task.CompletedTask));
}
