"""Describe why a broker cannot be used, and suggest a remedy."""

import asyncio
import socket
import ssl

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from streamer.mqtt.broker_address import BrokerAddress

CLOSED_BY_BROKER = "it closed the connection"
UNSUPPORTED_VERSION = (1, 132)
"""Reason codes (MQTT 3.1.1, 5) of a broker that does not support the MQTT version."""

_BAD_CREDENTIALS = (4, 5, 134, 135)  # likewise
_CERTIFICATE_EXPIRED = (9, 10)  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and ..._HAS_EXPIRED
_WRONG_HOST_NAME = (62, 64)  # ..._HOSTNAME_MISMATCH and ..._IP_ADDRESS_MISMATCH


def reason_code(error: aiomqtt.MqttError) -> int | None:
    """Return the MQTT reason code of a refused connection; None if there is none."""
    code = error.rc if isinstance(error, aiomqtt.MqttCodeError) else None
    return code.value if isinstance(code, ReasonCode) else code


def failure_cause(error: BaseException) -> str:
    """Return in a few words why a connection failed or was lost."""
    code = reason_code(error) if isinstance(error, aiomqtt.MqttError) else None
    if isinstance(error, MqttConnectError):
        if code in UNSUPPORTED_VERSION:
            return "it refuses this MQTT version"
        if code in _BAD_CREDENTIALS:
            return "it requires a valid user and password, or does not authorise this user"
        return f"it refuses the connection: {error}"
    source = error if isinstance(error, OSError) else error.__context__
    if isinstance(source, OSError):
        return _os_error_cause(source)
    if isinstance(error, aiomqtt.MqttCodeError):
        return "the connection was lost"
    return str(error) or type(error).__name__


def describe_failure(
    error: BaseException, address: BrokerAddress, *, user: str | None = None
) -> str:
    """Return one line: why the broker cannot be used, and the remedy."""
    remedy = suggest_remedy(error, address, user=user)
    return f"cannot use the MQTT broker at {address}: {failure_cause(error)}; {remedy}"


def suggest_remedy(error: BaseException, address: BrokerAddress, *, user: str | None = None) -> str:
    """Return what the user can do about a failed connection.

    Parameters
    ----------
    error
        Exception of the connection attempt.
    address
        Address of the broker.
    user
        User name of the attempt; None for an anonymous one.
    """
    code = reason_code(error) if isinstance(error, aiomqtt.MqttError) else None
    source = error if isinstance(error, OSError) else error.__context__
    if code in UNSUPPORTED_VERSION:
        return 'set protocol = "auto" in [mqtt]'
    if code in _BAD_CREDENTIALS and user is None:
        return (
            "set user in [mqtt], and password_file there or STREAMER_MQTT__PASSWORD; "
            "or use --broker embedded"
        )
    if code in _BAD_CREDENTIALS:
        return f'correct user ("{user}") and password, or let the broker allow that user'
    if isinstance(source, ssl.SSLCertVerificationError):
        return _certificate_remedy(source)
    if isinstance(source, ssl.SSLError):
        if _needs_client_certificate(source):
            return "set cert_file and key_file in [mqtt] to a certificate that the broker trusts"
        return "use the broker's TLS port (8883), or write mqtt:// if it has none"
    if failure_cause(error) == CLOSED_BY_BROKER:
        if address.tls:
            return (
                "if it requires a client certificate, set cert_file and key_file in [mqtt]; "
                "check that an MQTT broker listens on that port"
            )
        return "check that an MQTT broker listens on that port; if it uses TLS, write mqtts://"
    return "start the broker, correct the address, or use --broker embedded"


def _os_error_cause(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "unknown host"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "no answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = (error.verify_message or "it cannot be verified").rstrip(".")
        return f"its certificate is not trusted ({why})"
    if isinstance(error, ssl.SSLError):
        if _needs_client_certificate(error):
            return "it requires a trusted client certificate"
        return "the TLS handshake failed"
    if isinstance(error, ConnectionError):
        return CLOSED_BY_BROKER
    return error.strerror or str(error)


def _needs_client_certificate(error: ssl.SSLError) -> bool:
    reason = (error.reason or "").upper()
    return "ALERT" in reason and any(word in reason for word in ("CERT", "UNKNOWN_CA", "HANDSHAKE"))


def _certificate_remedy(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _WRONG_HOST_NAME:
        return "write the address with the host name in its certificate"
    if error.verify_code in _CERTIFICATE_EXPIRED:
        return "renew its certificate, and check the clocks of both machines"
    return "set ca_file in [mqtt] to the certificate of the authority that signed it"
