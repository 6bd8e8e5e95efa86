using System.Text.Json;
using Notifier.Access;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>
/// One connection that speaks <c>notifier.v1</c>: each text frame is a command, and each gets an answer. Only what is no JSON at all
/// closes it. docs/protocol.md is for those who write clients.
/// </summary>
internal sealed class NotifierV1Session(Connection connection, ConnectionAccess access, ClientSubscriptions held, Name[] defaults, LimitsOptions limits, Authenticator authenticator)
    : ClientSession(connection, limits)
{
    private readonly JsonSubscriptions names = new(connection, NotifierV1.Format, held, limits);
    private readonly LimitsOptions limits = limits;
    private Task authenticating = Task.CompletedTask;

    protected override string NotBinary => "send commands as text frames, not binary ones";

    public override void Begin(IEnumerable<Name> names)
    {
        this.names.Reply(Welcome());
        foreach (var name in names)
            this.names.Subscribe(name);
    }

    public override void Dispose()
    {
        names.Dispose();
        base.Dispose();
    }

    protected override Task WhenReadyAsync() => authenticating.IsCompletedSuccessfully ? names.Replies.WhenRoomAsync() : WhenAuthenticatedAsync();

    protected override Task WhenDoneAsync() => authenticating;

    /// <summary>What is asked for after <c>auth</c> is asked for by whoever that makes of the client.</summary>
    private async Task WhenAuthenticatedAsync()
    {
        await authenticating;
        await names.Replies.WhenRoomAsync();
    }

    protected override void Handle(string text)
    {
        if (ClientCommand.Parse(text) is not { } command)
            Close(CloseReason.Malformed("a frame is not JSON; send commands such as {\"type\":\"ping\"}"));
        else if (command.Problem is { } problem)
            names.Reply(Error(command.Id, Codes.Invalid, problem));
        else
            Take(command);
    }

    private void Take(ClientCommand command)
    {
        switch (command.Type)
        {
            case "subscribe":
                names.Subscribe(command.Name, command.Id, command.Replay);
                break;
            case "unsubscribe":
                names.Unsubscribe(command.Name, command.Id);
                break;
            case "ping":
                names.Reply(new ServerObject { Type = ServerTypes.Pong, Id = command.Id });
                break;
            case "auth" when authenticator.AcceptsTokens:
                authenticating = AuthenticateAsync(command.Token!, command.Id);
                break;
            case "auth":
                names.Reply(Error(command.Id, Codes.Unsupported, "this server takes no tokens"));
                break;
            default:
                names.Reply(Error(command.Id, Codes.UnknownType, "the types are subscribe, unsubscribe, auth and ping"));
                break;
        }
    }

    /// <summary>A token that is no good changes nothing: what was granted before ends when it ends.</summary>
    private async Task AuthenticateAsync(string token, JsonElement? id)
    {
        var (caller, refusal) = await authenticator.AuthenticateAsync(token);
        if (refusal is not null)
            names.Reply(Error(id, refusal.Kind == AccessRefusalKind.Unavailable ? Codes.Unavailable : Codes.Unauthorized, refusal.Message));
        else
            ChangeCaller(caller!, id);
    }

    private void ChangeCaller(Caller caller, JsonElement? id)
    {
        var wasAnonymous = access.Caller.IsAnonymous;
        if (!access.TryRenew(caller))
            return;     // its end was faster, and the close is on its way
        if (authenticator.CheckDisconnected(caller) is { } refusal)
        {
            Close(refusal.ToClose());
            return;
        }
        names.Apply(caller.Subscribe);
        names.Reply(new ServerObject { Type = ServerTypes.Authenticated, Id = id, In = authenticator.SecondsLeft(caller) });
        // What everybody gets, as far as it was not open to nobody.
        foreach (var name in wasAnonymous ? defaults : [])
        {
            if (!held.Contains(name) && caller.Subscribe.Check(name) is null)
                names.Subscribe(name);
        }
    }

    private ServerObject Welcome() => new()
    {
        Type = ServerTypes.Welcome,
        Connection = access.Id,
        KeepAlive = (int)Liveness.PingEvery.TotalSeconds,
        Limits = new(
            limits.FrameBytes, limits.NamesPerConnection, limits.PatternsPerConnection, limits.NameBytes, limits.PatternBytes,
            limits.PatternStars, limits.CommandsPerSecond, limits.CommandBurst, limits.PayloadBytes),
    };

    private static ServerObject Error(JsonElement? id, string code, string message) =>
        new() { Type = ServerTypes.Error, Id = id, Code = code, Message = message };
}
