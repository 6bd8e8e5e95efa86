using System.Net.Sockets;
using System.Security.Authentication;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>Why a server cannot be used, for the log.</summary>
/// <param name="Server">Host and port.</param>
/// <param name="Cause">What an operator can act on. Never contains a part of the connection string.</param>
/// <param name="IsLasting">Whether it will hardly end by itself: somebody has to change the configuration.</param>
internal sealed record RedisFailure(string Server, string Cause, bool IsLasting)
{
    private const string Authority = ": its authority is not trusted; set Redis:CaFile to the certificate (PEM) of the authority that issued it";

    /// <summary>.NET's names for errors of a certificate, and what to do about them. With several, the first is shown.</summary>
    private static readonly (string Error, string Remedy)[] Remedies =
    [
        ("RemoteCertificateNameMismatch", ": it is for another host name; connect by that name, or set Redis:TlsServerName"),
        ("UntrustedRoot", Authority),
        ("PartialChain", Authority),
        ("NotSignatureValid", Authority),       // another authority of the same name is trusted
        ("RevocationStatusUnknown", ": no list of revoked certificates can be read; set Redis:CaFile to the certificate (PEM) of the authority, which has none"),
    ];

    /// <summary>OpenSSL's words for the alerts of a server that rejects the certificate of its client. The last one: an authority of the same name issued it.</summary>
    private static readonly string[] RefusedCertificate =
    [
        "alert unknown ca", "alert bad certificate", "alert certificate expired", "alert certificate unknown", "alert unsupported certificate", "alert decrypt error",
    ];

    /// <summary>Whether the library gave up the attempt, and does not know why there was no answer. Any other failure tells more.</summary>
    public bool IsVague { get; private init; }

    public override string ToString() => $"{Server}: {Cause}";

    /// <param name="server">Host and port.</param>
    /// <param name="type">What the library calls it.</param>
    /// <param name="error">The library's exception, whose inner ones tell more.</param>
    /// <param name="stage">How far the attempt got; <see cref="ConnectionAttemptStage.Established"/> for a connection that was lost later.</param>
    public static RedisFailure From(string server, ConnectionFailureType type, Exception? error, ConnectionAttemptStage stage)
    {
        var chain = ChainOf(error);
        var (cause, isLasting) = CauseOfTls(chain, stage)
            ?? (chain.OfType<SocketException>().FirstOrDefault() is { } socket ? CauseOf(socket.SocketErrorCode, stage) : null)
            ?? CauseOf(type, stage);
        return new(server, cause, isLasting) { IsVague = type == ConnectionFailureType.ConnectionDisposed };
    }

    /// <summary>Whether encryption failed, and not the password: for the library both are failures of authentication.</summary>
    public static bool IsOfTls(Exception? error, ConnectionAttemptStage stage) => CauseOfTls(ChainOf(error), stage) is not null;

    private static (string Cause, bool IsLasting)? CauseOfTls(List<Exception> chain, ConnectionAttemptStage stage)
    {
        // OpenSSL's own words for the alert of the server (RFC 8446, 6.2).
        if (chain.Exists(static error => error.Message.Contains("alert certificate required", StringComparison.OrdinalIgnoreCase)
                || error.Message.Contains("alert handshake failure", StringComparison.OrdinalIgnoreCase)))
            return ("it requires a client certificate: set Redis:ClientCertificateFile and Redis:ClientKeyFile", true);
        if (chain.Exists(static error => RefusedCertificate.Any(alert => error.Message.Contains(alert, StringComparison.OrdinalIgnoreCase))))
            return ("it does not accept Notifier's client certificate (Redis:ClientCertificateFile)", true);
        var failed = chain.Find(static error => error is AuthenticationException);
        if (failed?.Message.Contains("certificate", StringComparison.OrdinalIgnoreCase) == true)
            return ($"its certificate is not accepted {ErrorIn(failed.Message)}", true);
        // A Redis without TLS does not answer, because it waits for the end of the command. (With RedisTransport.Stream the tunnel encrypts.)
        return failed is not null || stage is ConnectionAttemptStage.Tls or ConnectionAttemptStage.Tunnel ? ("TLS failed; perhaps the server does not speak TLS (redis://, or ssl=false)", true) : null;
    }

    /// <summary>
    /// The error in .NET's text, with the remedy. The library and Notifier encrypt one connection each, and their texts differ: with the whole texts, each
    /// attempt to connect would log both.
    /// </summary>
    private static string ErrorIn(string message)
    {
        var (error, remedy) = Remedies.FirstOrDefault(one => message.Contains(one.Error, StringComparison.Ordinal));
        return error is null ? $"({message.TrimEnd('.')})" : $"({error}){remedy}";
    }

    private static (string Cause, bool IsLasting)? CauseOf(SocketError error, ConnectionAttemptStage stage) => error switch
    {
        SocketError.ConnectionRefused => ("the connection was refused", false),
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => ("the host name is unknown", true),
        SocketError.TimedOut => ("no answer to the attempt to connect", false),
        SocketError.NetworkUnreachable or SocketError.HostUnreachable => ("its network cannot be reached", false),
        SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown => CauseOfClose(stage),
        _ => null,
    };

    private static (string Cause, bool IsLasting) CauseOf(ConnectionFailureType type, ConnectionAttemptStage stage) => type switch
    {
        ConnectionFailureType.AuthenticationFailure => ("the password or the user is wrong or missing", false),     // logged by RedisHealth
        ConnectionFailureType.SocketClosed => CauseOfClose(stage),
        ConnectionFailureType.Loading => ("it loads its data", false),
        _ => ("no answer", false),
    };

    /// <summary>A server that expects TLS closes a connection that begins in another way.</summary>
    private static (string Cause, bool IsLasting) CauseOfClose(ConnectionAttemptStage stage) => stage == ConnectionAttemptStage.Handshake
        ? ("the server closed the connection before it answered; perhaps it expects TLS (rediss://, or ssl=true)", false)
        : ("the connection was closed", false);

    private static List<Exception> ChainOf(Exception? error)
    {
        var chain = new List<Exception>();
        for (; error is not null; error = error.InnerException)
            chain.Add(error);
        return chain;
    }
}
