namespace Notifier.History.Durable;

/// <summary>A client that reads pages of the journal.</summary>
/// <param name="Owner">Whose share of the turns the client uses, compared by value: a subject, an address or a backend.</param>
/// <param name="Member">The owner's connection. An address may have thousands of visitors, and their connections take turns.</param>
/// <param name="Visitors">How many visitors the owner counts as: more than one if visitors may share it. Null for a backend, which may read as much as it wants.</param>
/// <param name="Gone">Cancelled when the client no longer needs the page.</param>
internal readonly record struct ReadClient(object Owner, object Member, int? Visitors, CancellationToken Gone);

/// <summary>
/// Limits how many pages are read for clients at once, because a page is in memory before its client has room for it, and because Redis has one thread. Owners
/// take turns, and so do the connections of an owner, so a client with many requests does not delay the others. Those that have read more than
/// <see cref="ReadRate"/> allows are throttled: their next turn comes later. The queue is bounded, because a subscriber waits for one page at a time, and requests have a
/// limit. Thread-safe.
/// </summary>
/// <param name="total">Turns at once.</param>
/// <param name="ofVisitor">Turns at once of an owner that is a single visitor.</param>
/// <param name="ofOthers">Turns at once of another owner, such as an address that may be that of a proxy.</param>
/// <param name="rate">How much may be read in a time; null for any amount.</param>
internal sealed class ReadTurns(int total, int ofVisitor, int ofOthers, ReadRate? rate = null)
{
    private readonly Lock gate = new();

    /// <summary>All that have turns, wait for some, or are throttled.</summary>
    private readonly Dictionary<object, Owner> owners = [];

    /// <summary>Those that may have one more turn, and wait for it. The next one comes first.</summary>
    private readonly LinkedList<Owner> next = [];

    private int running;
    private int waiting;

    /// <summary>How many callers wait.</summary>
    public int Waiting => Volatile.Read(ref waiting);

    /// <summary>Waits for a turn, which ends when it is disposed.</summary>
    /// <param name="client">Whose turn it is.</param>
    /// <param name="cancellation">Ends the waiting, as <see cref="ReadClient.Gone"/> does.</param>
    /// <exception cref="OperationCanceledException">The waiting has ended.</exception>
    public async Task<ReadTurn> AcquireAsync(ReadClient client, CancellationToken cancellation = default)
    {
        var turn = new ReadTurn(client, Cancel, End);
        lock (gate)
        {
            if (!owners.TryGetValue(client.Owner, out var owner))
                owners.Add(client.Owner, owner = new(client.Owner, client.Visitors == 1 ? ofVisitor : ofOthers));
            var member = owner.Add(turn);
            waiting++;
            Throttle(owner, owner);
            Throttle(owner, member);
            Update(owner);
            Grant();
        }
        using (client.Gone.UnsafeRegister(static turn => ((ReadTurn)turn!).Cancel(), turn))
        using (cancellation.UnsafeRegister(static turn => ((ReadTurn)turn!).Cancel(), turn))
            return await turn.Granted;
    }

    /// <summary>Under the lock, as the methods below.</summary>
    private void Grant()
    {
        while (running < total && next.First is { Value: var owner })
        {
            next.RemoveFirst();
            var turn = owner.TakeNext();
            running++;
            waiting--;
            Update(owner);
            turn.Grant();
        }
    }

    /// <summary>The owner's turns have changed.</summary>
    private void Update(Owner owner)
    {
        var isDue = owner is { HasDue: true, HasRoom: true, IsThrottled: false };
        if (!isDue && owner.Place.List is not null)
            next.Remove(owner.Place);
        else if (isDue && owner.Place.List is null)
            next.AddLast(owner.Place);
        if (owner.IsIdle)
            owners.Remove(owner.Key);
    }

    /// <summary>An owner, or one of its members, gets no turn for a while if it has read too much.</summary>
    private void Throttle(Owner owner, Reader reader)
    {
        if (reader.IsThrottled || rate?.DelayOf(reader.Key) is not { } delay)
            return;
        reader.IsThrottled = true;
        if (reader is Member member)
            owner.Update(member);
        _ = EndThrottlingAsync(owner, reader, delay);
    }

    private async Task EndThrottlingAsync(Owner owner, Reader reader, TimeSpan delay)
    {
        while (reader.IsThrottled)
        {
            await rate!.WaitAsync(delay);
            lock (gate)
            {
                // Other turns may have ended meanwhile.
                delay = rate.DelayOf(reader.Key) ?? default;
                reader.IsThrottled = delay > default(TimeSpan);
                if (reader is Member member)
                    owner.Update(member);
                Update(owner);
                Grant();
            }
        }
    }

    private void Cancel(ReadTurn turn)
    {
        lock (gate)
        {
            if (!owners.TryGetValue(turn.Client.Owner, out var owner) || !owner.Remove(turn))
                return;         // its turn has come
            waiting--;
            Update(owner);
        }
    }

    private void End(ReadTurn turn)
    {
        lock (gate)
        {
            running--;
            var owner = owners[turn.Client.Owner];
            owner.Running--;
            rate?.Charge(turn.Client, turn.Meter.Cost);
            if (owner.Find(turn) is { } member)
                Throttle(owner, member);
            if (owner.HasDue)
                Throttle(owner, owner);
            Update(owner);
            Grant();
        }
    }

    /// <summary>Who reads. Under the lock, as its subclasses.</summary>
    private abstract class Reader(object key)
    {
        public object Key => key;

        /// <summary>Whether it has read too much, and gets no turn now.</summary>
        public bool IsThrottled { get; set; }
    }

    /// <summary>One owner's turns.</summary>
    private sealed class Owner : Reader
    {
        private readonly int limit;
        private readonly Dictionary<object, Member> members = [];

        /// <summary>Those that wait and are not throttled. The next one comes first.</summary>
        private readonly LinkedList<Member> order = [];

        public Owner(object key, int limit) : base(key)
        {
            this.limit = limit;
            Place = new(this);
        }

        /// <summary>The place among the owners that wait.</summary>
        public LinkedListNode<Owner> Place { get; }

        public int Running { get; set; }

        public bool HasDue => order.Count > 0;

        public bool HasRoom => Running < limit;

        public bool IsIdle => Running == 0 && members.Count == 0 && !IsThrottled;

        public Member? Find(ReadTurn turn) => members.GetValueOrDefault(turn.Client.Member);

        public Member Add(ReadTurn turn)
        {
            if (!members.TryGetValue(turn.Client.Member, out var member))
                members.Add(turn.Client.Member, member = new(turn.Client.Member));
            member.Turns.AddLast(turn.Place);
            Update(member);
            return member;
        }

        public ReadTurn TakeNext()
        {
            var member = order.First!.Value;
            var turn = member.Turns.First!.Value;
            order.RemoveFirst();
            Remove(turn);
            Running++;
            return turn;
        }

        /// <returns>False if the turn does not wait.</returns>
        public bool Remove(ReadTurn turn)
        {
            if (turn.Place.List is null)
                return false;
            var member = members[turn.Client.Member];
            member.Turns.Remove(turn.Place);
            Update(member);
            return true;
        }

        /// <summary>The turns of a member have changed, or whether it is throttled.</summary>
        public void Update(Member member)
        {
            var isDue = member is { Turns.Count: > 0, IsThrottled: false };
            if (!isDue && member.Place.List is not null)
                order.Remove(member.Place);
            else if (isDue && member.Place.List is null)
                order.AddLast(member.Place);
            if (member is { Turns.Count: 0, IsThrottled: false })
                members.Remove(member.Key);
        }
    }

    private sealed class Member : Reader
    {
        public Member(object key) : base(key) => Place = new(this);

        public LinkedList<ReadTurn> Turns { get; } = [];

        /// <summary>The place among the members of the owner.</summary>
        public LinkedListNode<Member> Place { get; }
    }
}
