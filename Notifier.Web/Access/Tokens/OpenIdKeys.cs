using System.Text.Json;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using Notifier.Configuration;

namespace Notifier.Access.Tokens;

/// <summary>
/// The keys and the issuer of an OpenID Connect provider (<c>Access:Tokens:Authority</c>). Fetched from the provider at the first token, each hour, and
/// when a token is signed with an unknown key. Thread-safe.
/// </summary>
/// <remarks>
/// Replaces the library's <c>ConfigurationManager</c>, which refuses the first tokens after the provider has changed its keys, because it refreshes in the
/// background; and if the provider does not answer, all waiting callers retry one after the other. The request and its parsing are the library's.
/// </remarks>
internal sealed partial class OpenIdKeys(JwtBearerOptions bearer, TimeProvider time, ILogger logger)
{
    /// <summary>Short, because a connecting client waits for it.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan RefreshInterval = TimeSpan.FromHours(1);

    /// <summary>Limits how often invented key ids cause a request. New keys are found within this time.</summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long no token causes a request after the provider's first failure. Doubled after each further failure, to at most <see cref="RetryAfter"/>. Without
    /// it, each connecting client would send a request to a provider that has never answered.
    /// </summary>
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private readonly LogThrottle failures = new(time);
    private readonly HttpDocumentRetriever retriever = new(bearer.Backchannel) { RequireHttps = bearer.RequireHttpsMetadata };
    private TokenValidationParameters? current;
    private DateTimeOffset refreshAt;
    private DateTimeOffset retryAt;
    private Task<TokenValidationParameters?>? refreshing;
    private TimeSpan pause = FirstPause;

    /// <summary>The parameters to validate tokens with. Waits for the provider only until its first answer.</summary>
    /// <returns>Null if the provider does not answer, or did not a moment ago.</returns>
    public Task<TokenValidationParameters?> GetParametersAsync()
    {
        lock (gate)
        {
            if (time.GetUtcNow() >= refreshAt)
                Refresh();
            return current is null && refreshing is not null ? refreshing : Task.FromResult(current);
        }
    }

    /// <summary>Fetches the keys again, because a token's key is not among those of <paramref name="tried"/>.</summary>
    /// <returns>Null if the provider has no other keys, or was asked less than 30 s ago.</returns>
    public async Task<TokenValidationParameters?> GetNewerParametersAsync(TokenValidationParameters tried)
    {
        Task<TokenValidationParameters?> answer;
        lock (gate)
        {
            if (current != tried)
                return current;
            if (refreshing is null)
            {
                if (time.GetUtcNow() < retryAt)
                    return null;
                retryAt = time.GetUtcNow() + RetryAfter;
                Refresh();
            }
            answer = refreshing!;
        }
        return await answer is { } newer && newer != tried ? newer : null;
    }

    /// <summary>To be called under the lock. One request at a time, whose answer all callers share.</summary>
    private void Refresh() => refreshing ??= Task.Run(RefreshAsync);

    private async Task<TokenValidationParameters?> RefreshAsync()
    {
        var answer = await TryRefreshAsync();
        lock (gate)
        {
            refreshing = null;
            // Without an answer, the previous keys stay valid.
            current = answer ?? current;
            refreshAt = time.GetUtcNow() + (answer is not null ? RefreshInterval : current is not null ? RetryAfter : pause);
            pause = answer is not null ? FirstPause : TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, RetryAfter.Ticks));
            return current;
        }
    }

    private async Task<TokenValidationParameters?> TryRefreshAsync()
    {
        using var limit = new CancellationTokenSource(Timeout, time);
        try
        {
            var provider = await OpenIdConnectConfigurationRetriever.GetAsync(bearer.MetadataAddress, retriever, limit.Token);
            var keys = provider.SigningKeys.Where(static key => key is not SymmetricSecurityKey).ToList();
            if (keys.Count == 0)
                return OnFailure("the provider has no public key");
            var parameters = bearer.TokenValidationParameters.Clone();
            parameters.IssuerSigningKeys = keys;
            parameters.ValidIssuer ??= provider.Issuer;
            return parameters;
        }
        catch (OperationCanceledException)
        {
            return OnFailure($"no answer within {Timeout.TotalSeconds} s");
        }
        catch (Exception error) when (error is IOException or HttpRequestException or InvalidOperationException or ArgumentException or JsonException)
        {
            return OnFailure((error.InnerException ?? error).Message);
        }
    }

    private TokenValidationParameters? OnFailure(string reason)
    {
        if (failures.ShouldLog(out var count))
            Log.Unreachable(logger, count, reason.TrimEnd('.'));
        return null;
    }

    private static partial class Log
    {
        [LoggerMessage(5, LogLevel.Warning, "The keys of Access:Tokens:Authority cannot be fetched: {Reason}. Failures since the last such warning: {Count}.")]
        public static partial void Unreachable(ILogger logger, int count, string reason);
    }
}
