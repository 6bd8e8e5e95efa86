using System.Net;
using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Access.Callback;

/// <summary>
/// Asks the application who a visitor is (<c>Access:Callback</c>), by what its browser sends along anyway. What the application says
/// counts; when it says nothing that can be understood, the visitor is turned away, and told that this is no refusal. Thread-safe.
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
    private readonly SemaphoreSlim turns;
    private readonly HttpClient application;
    private readonly LogThrottle failures;

    public CallbackAuthentication(IOptions<AccessOptions> access, NameRules rules, RecentDisconnections disconnections, TimeProvider time, ILogger<CallbackAuthentication> logger)
    {
        options = access.Value.Callback;
        (this.rules, this.disconnections, this.time, this.logger) = (rules, disconnections, time, logger);
        cache = new CallbackCache(options.CacheFor, disconnections, time);
        turns = new SemaphoreSlim(options.Concurrency);
        failures = new LogThrottle(time);
        application = new HttpClient(new SocketsHttpHandler
        {
            // Cookies are for this address and no other.
            AllowAutoRedirect = false,
            UseProxy = false,
            // Those of the visitor, not what an answer to another one has set.
            UseCookies = false,
            MaxConnectionsPerServer = options.Concurrency,
            PooledConnectionLifetime = TimeSpan.FromMinutes(1),     // the application may move
            RequestHeaderEncodingSelector = static (_, _) => Encoding.UTF8,     // as Kestrel has read them
        })
        {
            MaxResponseContentBufferSize = MaxAnswerBytes,
            Timeout = Timeout.InfiniteTimeSpan,     // one of ours, with the time that a turn takes
        };
    }

    public bool IsEnabled => options.IsEnabled;

    /// <summary>Once for each connection. Whoever leaves meanwhile does not end it for others that wait for the same answer.</summary>
    public async ValueTask<AuthenticationResult> AuthenticateAsync(HttpContext context)
    {
        var asked = CallbackRequest.From(context);
        return await cache.GetAsync(asked.Key, () => AskAsync(asked)).WaitAsync(context.RequestAborted);
    }

    public void Dispose()
    {
        application.Dispose();
        turns.Dispose();
    }

    private async Task<AuthenticationResult> AskAsync(CallbackRequest question)
    {
        var knownAsOf = disconnections.Count;
        using var limit = new CancellationTokenSource(options.Timeout, time);
        try
        {
            await turns.WaitAsync(limit.Token);
            try
            {
                using var request = question.ToRequest(options.Url);
                using var response = await application.SendAsync(request, limit.Token);
                return await ReadAsync(response, knownAsOf, limit.Token);
            }
            finally
            {
                turns.Release();
            }
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            return Failed(error.Message.TrimEnd('.'));
        }
        catch (OperationCanceledException)
        {
            return Failed($"it took longer than {options.Timeout.TotalSeconds} s (Access:Callback:Timeout)");
        }
    }

    private async Task<AuthenticationResult> ReadAsync(HttpResponseMessage response, long knownAsOf, CancellationToken limit)
    {
        switch (response.StatusCode)
        {
            case HttpStatusCode.Unauthorized:
                return AccessRefusal.Unauthorized("the application does not know who you are");
            case HttpStatusCode.Forbidden:
                return AccessRefusal.Forbidden("the application does not let you in");
            case HttpStatusCode.OK:
                var answer = await response.Content.ReadAsByteArrayAsync(limit);
                return CallbackResponse.Read(answer, rules, time.GetUtcNow(), out var problem) is { } caller
                    ? caller with { KnownAsOf = knownAsOf }
                    : Failed(problem);
            default:
                return Failed($"it answered with status {(int)response.StatusCode}; 200, 401 and 403 mean something");
        }
    }

    /// <summary>The reason is for the operator alone.</summary>
    private AuthenticationResult Failed(string reason)
    {
        if (failures.IsDue(out var count))
            Log.Failed(logger, count, reason);
        return AccessRefusal.Unavailable("the application cannot be asked who you are; try again");
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{Count} visitors were turned away since this was last said: Access:Callback:Url gave no answer: {Reason}.")]
        public static partial void Failed(ILogger logger, int count, string reason);
    }
}
