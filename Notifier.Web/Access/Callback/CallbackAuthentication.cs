using System.Net;
using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Access.Origins;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Access.Callback;

/// <summary>
/// Asks the application to identify a caller (<c>Access:Callback</c>) by the cookies that the browser sends. If the application gives no
/// usable answer, the caller is refused as <see cref="AccessRefusalKind.Unavailable"/>, so that the client retries. Thread-safe.
/// </summary>
internal sealed partial class CallbackAuthentication : IDisposable
{
    private const int MaxAnswerBytes = 64 * 1024;

    private readonly CallbackOptions options;
    private readonly NameRules rules;
    private readonly RecentDisconnections disconnections;
    private readonly TimeProvider time;
    private readonly ILogger<CallbackAuthentication> logger;
    private readonly CallbackCache cache;
    private readonly CallbackTurns turns;
    private readonly HttpClient application;
    private readonly LogThrottle failures;
    private readonly LogThrottle denials;

    public CallbackAuthentication(
        IOptions<AccessOptions> access, IOptions<LimitsOptions> limits, IOptions<ProxyOptions> proxies, NameRules rules, RecentDisconnections disconnections,
        TimeProvider time, ILogger<CallbackAuthentication> logger)
    {
        options = access.Value.Callback;
        (this.rules, this.disconnections, this.time, this.logger) = (rules, disconnections, time, logger);
        cache = new CallbackCache(options.CacheFor, disconnections, time);
        turns = new CallbackTurns(
            options.Concurrency, limits.Value.RequestBytes, knowsAddresses: proxies.Value.IsConfigured || limits.Value.ConnectionsPerAddress is not null);
        (failures, denials) = (new LogThrottle(time), new LogThrottle(time));
        application = new HttpClient(new SocketsHttpHandler
        {
            // The visitor's cookies must not be sent to another address.
            AllowAutoRedirect = false,
            UseProxy = false,
            // A cookie container would add cookies that a response for another visitor has set.
            UseCookies = false,
            MaxConnectionsPerServer = options.Concurrency,
            PooledConnectionLifetime = TimeSpan.FromMinutes(1),     // the application may move
            RequestHeaderEncodingSelector = static (_, _) => Encoding.UTF8,     // as Kestrel decodes them
        })
        {
            MaxResponseContentBufferSize = MaxAnswerBytes,
            Timeout = Timeout.InfiniteTimeSpan,     // the limit of SendAsync includes the wait for a turn
        };
    }

    public bool IsEnabled => options.IsEnabled;

    /// <summary>
    /// Called once per connection. A client that disconnects while it waits for its turn is not asked about, unless others wait for the same answer.
    /// </summary>
    public async ValueTask<AuthenticationResult> AuthenticateAsync(HttpContext context)
    {
        var request = CallbackRequest.From(context);
        return await cache.GetAsync(request.Key, nobodyWaits => SendAsync(request, nobodyWaits), context.RequestAborted);
    }

    public void Dispose()
    {
        application.Dispose();
        turns.Dispose();
    }

    private async Task<AuthenticationResult> SendAsync(CallbackRequest callback, CancellationToken nobodyWaits)
    {
        var disconnectionsBefore = disconnections.Count;
        using var limit = new CancellationTokenSource(options.Timeout, time);
        try
        {
            using var turn = await WaitAsync(callback, limit.Token, nobodyWaits);
            if (turn is null)
                return OnFailure("the callers of one address, or of all, that wait for it use too much memory (Limits:RequestBytes)");
            using var request = callback.ToRequest(options.Url);
            using var response = await application.SendAsync(request, limit.Token);
            return await ReadAsync(response, disconnectionsBefore, limit.Token);
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            return OnFailure(error.Message.TrimEnd('.'));
        }
        catch (OperationCanceledException) when (nobodyWaits.IsCancellationRequested)
        {
            return NotNow;
        }
        catch (OperationCanceledException)
        {
            return OnFailure($"no answer within {options.Timeout.TotalSeconds} s (Access:Callback:Timeout)");
        }
    }

    /// <summary>Only the wait for a turn ends early: an application does not notice that the client of a request has gone, and works on.</summary>
    private async Task<IDisposable?> WaitAsync(CallbackRequest callback, CancellationToken limit, CancellationToken nobodyWaits)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit, nobodyWaits);
        return await turns.WaitAsync(callback.Network, callback.Bytes, both.Token);
    }

    private async Task<AuthenticationResult> ReadAsync(HttpResponseMessage response, long disconnectionsBefore, CancellationToken limit)
    {
        switch (response.StatusCode)
        {
            case HttpStatusCode.Unauthorized:
                return AccessRefusal.Unauthorized("the application does not know who you are");
            case HttpStatusCode.Forbidden:
                return OnDenial();
            case HttpStatusCode.OK:
                var answer = await response.Content.ReadAsByteArrayAsync(limit);
                return CallbackResponse.Read(answer, rules, time.GetUtcNow(), disconnectionsBefore, out var problem) is { } caller
                    ? caller
                    : OnFailure(problem);
            default:
                return OnFailure($"the answer has status {(int)response.StatusCode}; expected is 200, 401 or 403");
        }
    }

    /// <summary>
    /// Logs it, because nobody else does: the page says only that it is refused. A framework answers 403 also for reasons of its own, such as a host or an origin
    /// that it does not know.
    /// </summary>
    private AuthenticationResult OnDenial()
    {
        if (denials.ShouldLog(out var count))
            Log.Denied(logger, count);
        return AccessRefusal.Forbidden("the application denies you access");
    }

    /// <summary>Logs the reason, which the client does not get.</summary>
    private AuthenticationResult OnFailure(string reason)
    {
        if (failures.ShouldLog(out var count))
            Log.Failed(logger, count, reason);
        return NotNow;
    }

    private static AccessRefusal NotNow { get; } = AccessRefusal.Unavailable("the application cannot identify you at the moment; try again");

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Access:Callback:Url gave no usable answer: {Reason}. Callers refused since the last such warning: {Count}.")]
        public static partial void Failed(ILogger logger, int count, string reason);

        [LoggerMessage(7, LogLevel.Warning, "Access:Callback:Url answered 403: the application denies a visitor access. Requests denied since the last such warning: "
            + "{Count}. If the application should know these visitors, check which host names, origins and cookies it accepts.")]
        public static partial void Denied(ILogger logger, int count);
    }
}
