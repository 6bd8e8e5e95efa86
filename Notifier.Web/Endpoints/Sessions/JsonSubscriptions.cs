using System.Text.Json;
using Notifier.Access;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>
/// The names of a connection that speaks JSON: each that is asked for is confirmed or refused, with the id of the command. Called by
/// the connection's receive loop alone.
/// </summary>
internal sealed class JsonSubscriptions(Connection connection, JsonFormat format, ClientSubscriptions held, LimitsOptions limits) : IDisposable
{
    private readonly CancellationTokenSource ended = new();
    private int unconfirmed;

    public ReplyQueue Replies { get; } = new(connection);

    /// <summary>Answers with this, after what was answered before.</summary>
    public void Reply(ServerObject answer) => Replies.Add(() => connection.Send(format.Frame(answer)));

    /// <summary>Asks for a name. While Redis is away, the answer waits for it.</summary>
    public void Subscribe(Name name, JsonElement? id = null, ReplayRequest replay = default)
    {
        var isHeld = held.TryGet(name, out var asked);
        if (isHeld && asked.Subscriber.Refusal is not null)
            isHeld = !held.TryRemove(name, static _ => { });
        if (!isHeld && held.TryAdd(name, OnRevoked, replay, out asked) is { } refusal)
            Reply(Error(name, id, CodeOf(refusal), refusal.Message));
        else if (isHeld)
            Confirm(name, asked, id, replay.After is null ? new(null) : new(false, Codes.Held));      // it moves nothing, so it recovers nothing
        else
            Confirm(name, asked, id, null);
    }

    public void Unsubscribe(Name name, JsonElement? id)
    {
        var isHeld = held.TryGet(name, out var asked) && asked.Subscriber.Refusal is null;
        var isRemoved = held.TryRemove(name, static _ => { });
        Reply(isHeld && isRemoved
            ? ServerObject.For(ServerTypes.Unsubscribed, name) with { Id = id }
            : Error(name, id, Codes.NotSubscribed, "this connection does not hold the name"));
    }

    /// <summary>What the visitor may have has changed: tells of each name that is over, and nothing of it comes after that.</summary>
    public void Apply(Grant grant) => held.Apply(grant, subscriber =>
    {
        // Else it was told so before.
        if (subscriber.Refusal is null)
        {
            var told = ServerObject.For("unsubscribed", subscriber.Subscription.Name);
            connection.Send(format.Frame(told with { Code = Codes.Revoked, Message = "what is granted now does not allow it" }));
        }
    });

    public void Dispose()
    {
        ended.Cancel();
        ended.Dispose();
    }

    private void Confirm(Name name, ClientSubscription asked, JsonElement? id, RecoveryResult? recovery)
    {
        if (asked.Live.IsCompleted)
            Replies.Add(() => Confirm(name, asked, asked.Live.IsCanceled ? "the server stops" : asked.Live.Result, id, recovery));
        else if (unconfirmed < limits.NamesPerConnection * 2)
            _ = ConfirmAsync(name, asked, id, recovery);
        else
            Reply(Error(name, id, Codes.Overloaded, "Redis is away, and too many commands wait for it; try again later"));
    }

    private async Task ConfirmAsync(Name name, ClientSubscription asked, JsonElement? id, RecoveryResult? recovery)
    {
        Interlocked.Increment(ref unconfirmed);
        try
        {
            var refusal = await asked.Live.WaitAsync(ended.Token);
            connection.Post(() => Confirm(name, asked, refusal, id, recovery));
        }
        catch (OperationCanceledException)
        {
            // The connection ends, or the process.
        }
        finally
        {
            Interlocked.Decrement(ref unconfirmed);
        }
    }

    /// <summary>Runs as the owner.</summary>
    private void Confirm(Name name, ClientSubscription asked, string? refusal, JsonElement? id, RecoveryResult? recovery)
    {
        var subscriber = asked.Subscriber;
        if ((refusal ?? subscriber.Refusal) is { } reason)
            connection.Send(format.Frame(Error(name, id, Codes.Forbidden, reason)));
        else if (subscriber.HasLeft)
            connection.Send(format.Frame(Error(name, id, Codes.Cancelled, "it was unsubscribed before Redis had confirmed it")));
        else
        {
            var (recovered, code, _) = recovery ?? subscriber.RecoveryResult;
            var subscribed = ServerObject.For(ServerTypes.Subscribed, name) with { Id = id, Recovered = recovered, Code = code };
            connection.Send(format.Frame(subscribed, subscriber.Subscription.Identity, subscriber.Position));
            subscriber.Begin();
        }
    }

    /// <summary>Redis no longer allows a name. Before it was confirmed, that is the answer to the command.</summary>
    private void OnRevoked(Subscriber subscriber, string reason) => connection.Post(() =>
    {
        if (!subscriber.HasBegun || subscriber.HasLeft)
            return;
        var told = ServerObject.For(ServerTypes.Unsubscribed, subscriber.Subscription.Name) with { Code = Codes.Forbidden, Message = reason };
        connection.Send(format.Frame(told));
        subscriber.Leave();
    });

    private static ServerObject Error(Name name, JsonElement? id, string code, string message) =>
        ServerObject.For(ServerTypes.Error, name) with { Id = id, Code = code, Message = message };

    private static string CodeOf(NameRefusal refusal) => refusal.Kind switch
    {
        RefusalKind.Malformed => Codes.Malformed,
        RefusalKind.Overloaded => Codes.Overloaded,
        _ => Codes.Forbidden,
    };
}
