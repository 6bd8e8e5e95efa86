namespace Notifier.History.Durable;

/// <summary>A client that reads pages of the journal.</summary>
/// <param name="Owner">Whose share of the turns the client uses, compared by value: a subject, an address or a backend.</param>
/// <param name="Member">The owner's connection. An address may have thousands of visitors, and their connections take turns.</param>
/// <param name="IsOneVisitor">Whether the owner is a single visitor.</param>
/// <param name="Gone">Cancelled when the client no longer needs the page.</param>
internal readonly record struct ReadClient(object Owner, object Member, bool IsOneVisitor, CancellationToken Gone);

/// <summary>
/// Limits how many pages are read for clients at once, because a page is in memory before its client has room for it, and because Redis has one thread. Owners
/// take turns, and so do the connections of an owner, so a client with many requests does not delay the others. The queue is bounded, because a subscriber
/// waits for one page at a time, and requests have a limit. Thread-safe.
/// </summary>
/// <param name="total">Turns at once.</param>
/// <param name="ofVisitor">Turns at once of an owner that is a single visitor.</param>
/// <param name="ofOthers">Turns at once of another owner, such as an address that may be that of a proxy.</param>
internal sealed class ReadTurns(int total, int ofVisitor, int ofOthers)
{
    private readonly Lock gate = new();

    /// <summary>All that have turns or wait for some.</summary>
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
    public async Task<IDisposable> AcquireAsync(ReadClient client, CancellationToken cancellation = default)
    {
        var turn = new Turn(this, client);
        lock (gate)
        {
            if (!owners.TryGetValue(client.Owner, out var owner))
                owners.Add(client.Owner, owner = new(client.Owner, client.IsOneVisitor ? ofVisitor : ofOthers));
            owner.Add(turn);
            waiting++;
            Update(owner);
            Grant();
        }
        using (client.Gone.UnsafeRegister(static turn => ((Turn)turn!).Cancel(), turn))
        using (cancellation.UnsafeRegister(static turn => ((Turn)turn!).Cancel(), turn))
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
        var isDue = owner is { HasWaiting: true, HasRoom: true };
        if (!isDue && owner.Place.List is not null)
            next.Remove(owner.Place);
        else if (isDue && owner.Place.List is null)
            next.AddLast(owner.Place);
        if (owner.IsIdle)
            owners.Remove(owner.Key);
    }

    private void Cancel(Turn turn)
    {
        lock (gate)
        {
            if (!owners.TryGetValue(turn.Client.Owner, out var owner) || !owner.Remove(turn))
                return;         // its turn has come
            waiting--;
            Update(owner);
        }
    }

    private void End(object key)
    {
        lock (gate)
        {
            running--;
            var owner = owners[key];
            owner.Running--;
            Update(owner);
            Grant();
        }
    }

    /// <summary>One owner's turns. Under the lock.</summary>
    private sealed class Owner
    {
        private readonly int limit;
        private readonly Dictionary<object, Member> members = [];

        /// <summary>Those that wait. The next one comes first.</summary>
        private readonly LinkedList<Member> order = [];

        public Owner(object key, int limit)
        {
            (Key, this.limit) = (key, limit);
            Place = new(this);
        }

        public object Key { get; }

        /// <summary>The place among the owners that wait.</summary>
        public LinkedListNode<Owner> Place { get; }

        public int Running { get; set; }

        public bool HasWaiting => order.Count > 0;

        public bool HasRoom => Running < limit;

        public bool IsIdle => Running == 0 && !HasWaiting;

        public void Add(Turn turn)
        {
            if (!members.TryGetValue(turn.Client.Member, out var member))
            {
                members.Add(turn.Client.Member, member = new());
                order.AddLast(member.Place);
            }
            member.Turns.AddLast(turn.Place);
        }

        public Turn TakeNext()
        {
            var member = order.First!.Value;
            var turn = member.Turns.First!.Value;
            order.RemoveFirst();
            order.AddLast(member.Place);
            Remove(turn);
            Running++;
            return turn;
        }

        /// <returns>False if the turn does not wait.</returns>
        public bool Remove(Turn turn)
        {
            if (turn.Place.List is null)
                return false;
            var member = members[turn.Client.Member];
            member.Turns.Remove(turn.Place);
            if (member.Turns.Count == 0)
            {
                members.Remove(turn.Client.Member);
                order.Remove(member.Place);
            }
            return true;
        }
    }

    private sealed class Member
    {
        public Member() => Place = new(this);

        public LinkedList<Turn> Turns { get; } = [];

        /// <summary>The place among the members of the owner.</summary>
        public LinkedListNode<Member> Place { get; }
    }

    private sealed class Turn : IDisposable
    {
        private readonly ReadTurns turns;
        private readonly TaskCompletionSource<IDisposable> granted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int hasEnded;

        public Turn(ReadTurns turns, ReadClient client)
        {
            (this.turns, Client) = (turns, client);
            Place = new(this);
        }

        public ReadClient Client { get; }

        /// <summary>The place among those of its connection that wait.</summary>
        public LinkedListNode<Turn> Place { get; }

        public Task<IDisposable> Granted => granted.Task;

        public void Grant() => granted.TrySetResult(this);

        public void Cancel()
        {
            turns.Cancel(this);
            granted.TrySetCanceled();       // nothing happens if the turn was granted
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref hasEnded, 1) == 0)
                turns.End(Client.Owner);
        }
    }
}
